"""Giants do not starve small accounts of the same run; counted in requests, not in seconds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dlt_sources.stripe import AccountTask
from tests.dlt_sources.rig import Rig, running_simulator

pytestmark = pytest.mark.e2e

NOW = ("--now", "2026-11-20T12:00:00Z")
GIANTS = 6
"""More than it takes to fill all request threads: each may have 40 in flight."""


def test_small_accounts_are_done_while_giants_have_hardly_begun(tmp_path: Path) -> None:
    served: list[str] = []

    def told(task: AccountTask) -> AccountTask:
        authorise: Callable[[], object] = task.authorise

        def noted() -> dict[str, str]:
            served.append(task.account_id)
            return dict(authorise())  # type: ignore[call-overload]

        return replace(task, authorise=noted)

    giants = ("--preset", "demo", "--set", f"accounts={GIANTS}", "--set", "customers_per_day=2")
    with (
        running_simulator("--preset", "tiny", *NOW) as known,
        running_simulator("--preset", "tiny", "--seed", "2", *NOW) as new,
        running_simulator(*giants, "--limits", "live", "--latency", "50", *NOW) as large,
    ):
        rig = Rig(known, tmp_path)
        rig.sync()
        known.join(new)
        known.join(large)
        unchanged, small, *others = rig.tasks()
        assert unchanged.cursor is not None and small.cursor is None and len(others) == GIANTS
        # The small ones come last.
        extraction = rig.extract([told(task) for task in (*others, small, unchanged)])
    assert len(extraction.ok) == GIANTS + 2
    assert extraction.outcomes[unchanged.account_id].requests == 1
    whole = len(served)
    last_of_small = whole - served[::-1].index(small.account_id)
    last_of_unchanged = whole - served[::-1].index(unchanged.account_id)
    assert last_of_unchanged <= 0.2 * whole
    assert last_of_small <= 0.5 * whole
