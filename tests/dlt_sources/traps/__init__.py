"""The traps of docs/stripe.md: each sentence, the test that knows it, and how to fall into it.

A mutation (file, old text, new text) takes the defence away; `test_trap_table` shows that the
named test then fails. To add a trap is to add an entry to the module of its theme.
"""

from tests.dlt_sources.traps import backfill, changes, connecting, reading, shapes
from tests.dlt_sources.traps.trap import Trap

TRAPS: tuple[Trap, ...] = (
    *reading.TRAPS,
    *changes.TRAPS,
    *backfill.TRAPS,
    *shapes.TRAPS,
    *connecting.TRAPS,
)
