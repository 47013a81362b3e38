"""Known wrong answers, each as a change of the models that the tests must notice.

Belongs here: the table. A wrong answer of `docs/metrics.md` §6, or one that is easy to give, is one
entry: where, which text, what instead, and the case that shows it. Not here: how they are applied
and judged (`mutating`). A text that is no longer there fails: the entry has to follow the model.
"""

from tests.dbt_project.mutations.counted import COUNTED
from tests.dbt_project.mutations.known import KNOWN
from tests.dbt_project.mutations.mutation import Mutation
from tests.dbt_project.mutations.recurring import RECURRING

MUTATIONS: tuple[Mutation, ...] = (*KNOWN, *RECURRING, *COUNTED)
