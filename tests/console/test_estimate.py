"""How long a sync will still take: a number only where earlier runs found one."""

from __future__ import annotations

from typing import Any

from console.web.estimate import seconds_left

NOW = 1_000_000.0


def report(run_id: str, objects: int, phase: str | None = None, **ended: float) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "phase": phase,
        "phase_began_at": NOW - 4 if phase else None,
        "phases": [{"name": name, "seconds": seconds} for name, seconds in ended.items()],
        "streams": {"acct_A1": {"charges": {"phase": "done", "objects": objects}}},
    }


EARLIER = report("earlier", 1000, extract=30.0, load=2.0, dbt=12.0, publish=1.0)


def test_while_stripe_is_read_there_is_nothing_to_say() -> None:
    assert seconds_left(report("now", 1000, "extract"), [EARLIER], now=NOW) is None
    assert seconds_left(None, [EARLIER], now=NOW) is None


def test_afterwards_an_earlier_run_of_the_same_size_tells() -> None:
    at_load = report("now", 1500, "load", extract=9.0)
    assert seconds_left(at_load, [EARLIER], now=NOW) == 13  # its two seconds are over, 12 + 1 left
    at_dbt = report("now", 1500, "dbt", extract=9.0, load=3.0)
    assert seconds_left(at_dbt, [EARLIER], now=NOW) == 9  # 12 - 4 + 1


def test_a_run_that_takes_longer_than_the_earlier_one_ends_soon_nevertheless() -> None:
    at_publish = report("now", 1000, "publish", extract=9.0, load=3.0, dbt=40.0)
    assert seconds_left(at_publish, [EARLIER], now=NOW) == 1


def test_runs_of_another_size_unfinished_ones_and_itself_found_nothing() -> None:
    now = report("now", 1000, "load", extract=9.0)
    tiny = report("tiny", 499, extract=1.0, load=1.0, dbt=1.0, publish=1.0)
    huge = report("huge", 2001, extract=1.0, load=1.0, dbt=1.0, publish=1.0)
    killed = report("killed", 1000, extract=1.0, load=1.0)
    itself = report("now", 1000, extract=1.0, load=1.0, dbt=1.0, publish=1.0)
    assert seconds_left(now, [tiny, huge, killed, itself], now=NOW) is None
    assert seconds_left(now, [tiny, EARLIER], now=NOW) is not None
