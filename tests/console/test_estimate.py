"""How long a sync will still take: a number only where something founds it."""

from __future__ import annotations

from typing import Any

import pytest

from console.web.estimate import NOTHING, Estimate, estimate

NOW = 1_000_000.0


def report(
    run_id: str,
    objects: int,
    phase: str | None = None,
    *,
    share: float | None = None,
    gone: float = 4,
    **ended: float,
) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "phase": phase,
        "phase_began_at": NOW - gone if phase else None,
        "phases": [{"name": name, "seconds": seconds} for name, seconds in ended.items()],
        "streams": {
            "acct_A1": {
                "charges": {"phase": "done", "objects": objects, "share": share},
                "customers": {"phase": "done", "objects": 0, "share": None},
            }
        },
    }


EARLIER = report("earlier", 1000, extract=30.0, load=2.0, dbt=12.0, publish=1.0)


@pytest.mark.parametrize(
    "reading",
    [
        None,
        report("now", 500, "extract"),
        report("now", 50, "extract", share=0.05),
        report("now", 500, "extract", share=0.5, gone=1),
        report("now", 0, "extract", share=0.5),
    ],
)
def test_before_there_is_a_pace_there_is_nothing_to_say(reading: dict[str, Any] | None) -> None:
    assert estimate(reading, [EARLIER], now=NOW) == NOTHING


def test_the_span_that_is_read_tells_the_rest_of_the_reading() -> None:
    # A quarter in ten seconds: thirty more; then 2 + 12 + 1 as a run of 1,000 rows took.
    reading = report("now", 250, "extract", share=0.25, gone=10)
    assert estimate(reading, [EARLIER], now=NOW) == Estimate(reading=30, whole=45)
    # On a machine that has not seen such a run the end is left open.
    assert estimate(reading, [], now=NOW) == Estimate(reading=30, whole=None)


def test_lists_without_a_span_count_with_what_they_have() -> None:
    reading = report("now", 300, "extract", share=0.5, gone=10)
    reading["streams"]["acct_A1"]["customers"]["objects"] = 300
    # 600 of 300 / 0.5 + 300 = 900 rows are read: two thirds.
    assert estimate(reading, [], now=NOW).reading == 5


def test_afterwards_an_earlier_run_of_the_same_size_tells() -> None:
    at_load = report("now", 1500, "load", extract=9.0)
    assert estimate(at_load, [EARLIER], now=NOW).whole == 13  # its two seconds are over
    at_dbt = report("now", 1500, "dbt", extract=9.0, load=3.0)
    assert estimate(at_dbt, [EARLIER], now=NOW) == Estimate(0, 9)  # 12 - 4 + 1


def test_a_run_that_takes_longer_than_the_earlier_one_ends_soon_nevertheless() -> None:
    at_publish = report("now", 1000, "publish", extract=9.0, load=3.0, dbt=40.0)
    assert estimate(at_publish, [EARLIER], now=NOW).whole == 1


def test_runs_of_another_size_unfinished_ones_and_itself_found_nothing() -> None:
    now = report("now", 1000, "load", extract=9.0)
    tiny = report("tiny", 499, extract=1.0, load=1.0, dbt=1.0, publish=1.0)
    huge = report("huge", 2001, extract=1.0, load=1.0, dbt=1.0, publish=1.0)
    killed = report("killed", 1000, extract=1.0, load=1.0)
    itself = report("now", 1000, extract=1.0, load=1.0, dbt=1.0, publish=1.0)
    assert estimate(now, [tiny, huge, killed, itself], now=NOW).whole is None
    assert estimate(now, [tiny, EARLIER], now=NOW).whole is not None
