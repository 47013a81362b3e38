"""How long a sync will still take: said only where there is something to found it on.

Stripe does not say how many objects an account has, so while they are being read there is no
honest guess. What comes after the reading depends on the rows read, and earlier runs of about the
same size have shown how long it takes on this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: The phases that come after reading.
AFTER_READING = ("load", "dbt", "publish")

#: An earlier run tells something if it read at least a half and at most twice as much.
ALIKE = 2.0


def seconds_left(
    report: dict[str, Any] | None, earlier: Sequence[dict[str, Any]], *, now: float
) -> int | None:
    """Guess how many seconds a run will still take; None = nothing to found a guess on.

    Args:
        report: The run's report.
        earlier: Reports of other runs, newest first.
        now: The present, unix seconds.
    """
    if report is None or not any(phase["name"] == "extract" for phase in report["phases"]):
        return None
    alike = [each for each in earlier if _is_alike(report, each)]
    if not alike:
        return None
    typical = _durations(alike[0])
    ended = {phase["name"] for phase in report["phases"]}
    left = sum(typical[name] for name in AFTER_READING if name not in ended)
    if report["phase"] in AFTER_READING and report.get("phase_began_at"):
        gone = now - report["phase_began_at"]
        left -= min(gone, typical[report["phase"]])
    return max(1, round(left))


def _is_alike(report: dict[str, Any], other: dict[str, Any]) -> bool:
    if other["run_id"] == report["run_id"] or not set(AFTER_READING) <= set(_durations(other)):
        return False
    ours, theirs = _objects(report), _objects(other)
    return ours <= ALIKE * theirs and theirs <= ALIKE * ours


def _durations(report: dict[str, Any]) -> dict[str, float]:
    return {phase["name"]: phase["seconds"] for phase in report["phases"]}


def _objects(report: dict[str, Any]) -> int:
    return sum(
        state["objects"] for streams in report["streams"].values() for state in streams.values()
    )
