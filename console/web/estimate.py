"""How long a sync will still take: said only where there is something to found it on.

Stripe does not say how many objects an account has. But a list of payment history is read over a
known span of time, so the part of it that is read says how many there will be, and the pace so far
how long that takes. What comes after the reading depends on the rows read: earlier runs of about
the same size have shown how long it takes on this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: The phases that come after reading.
AFTER_READING = ("load", "dbt", "publish")

#: An earlier run tells something if it read at least a half and at most twice as much.
ALIKE = 2.0

#: Less reading than this founds no guess.
LEAST_SHARE, LEAST_SECONDS = 0.1, 2.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A founded guess.

    Attributes:
        reading: Seconds of reading left; None while that cannot be told.
        whole: Seconds left until the numbers can be seen; None likewise.
    """

    reading: int | None = None
    whole: int | None = None


NOTHING = Estimate()


def estimate(
    report: dict[str, Any] | None, earlier: Sequence[dict[str, Any]], *, now: float
) -> Estimate:
    """Guess how long a run will still take.

    Args:
        report: The run's report.
        earlier: Reports of other runs, newest first.
        now: The present, unix seconds.
    """
    if report is None:
        return NOTHING
    read = _objects(report)
    gone = max(0.0, now - report["phase_began_at"]) if report.get("phase_began_at") else 0.0
    if any(phase["name"] == "extract" for phase in report["phases"]):
        after = _after_reading(report, read, earlier, gone)
        return Estimate(0, None if after is None else max(1, round(after)))
    share = _share_read(report)
    if share is None or share < LEAST_SHARE or gone < LEAST_SECONDS:
        return NOTHING
    reading = gone * (1 - share) / share
    after = _after_reading(report, read / share, earlier, 0.0)
    return Estimate(round(reading), None if after is None else max(1, round(reading + after)))


def _share_read(report: dict[str, Any]) -> float | None:
    """The part that has been read of all objects; None = no list of history tells anything."""
    states = [state for streams in report["streams"].values() for state in streams.values()]
    expected, told = 0.0, False
    for state in states:
        share = state.get("share")
        if share and state["objects"]:
            expected += state["objects"] / share
            told = True
        else:
            expected += state["objects"]
    return _objects(report) / expected if told else None


def _after_reading(
    report: dict[str, Any], objects: float, earlier: Sequence[dict[str, Any]], gone: float
) -> float | None:
    """Seconds that the phases after reading will still take, as in an earlier run alike."""
    alike = next((each for each in earlier if _is_alike(report, objects, each)), None)
    if alike is None:
        return None
    typical = _durations(alike)
    ended = {phase["name"] for phase in report["phases"]}
    left = sum(typical[name] for name in AFTER_READING if name not in ended)
    if report["phase"] in AFTER_READING:
        left -= min(gone, typical[report["phase"]])
    return left


def _is_alike(report: dict[str, Any], objects: float, other: dict[str, Any]) -> bool:
    if other["run_id"] == report["run_id"] or not set(AFTER_READING) <= set(_durations(other)):
        return False
    theirs = _objects(other)
    return objects <= ALIKE * theirs and theirs <= ALIKE * objects


def _durations(report: dict[str, Any]) -> dict[str, float]:
    return {phase["name"]: phase["seconds"] for phase in report["phases"]}


def _objects(report: dict[str, Any]) -> int:
    return sum(
        state["objects"] for streams in report["streams"].values() for state in streams.values()
    )
