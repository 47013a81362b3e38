"""One account per case: a few objects and what must come of them today.

Belongs here: one module a theme. Not here: how cases are built and compared (`test_cases.py`).
"""

from tests.dbt_project.cases import (
    discounts,
    history,
    interruptions,
    payments,
    prices,
    subscriptions,
)
from tests.dbt_project.casting import CASES

THEMES = (prices, discounts, subscriptions, history, interruptions, payments)
__all__ = ["CASES", "THEMES"]
