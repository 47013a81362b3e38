"""Reading what runs say of themselves; `orchestration.run_report` writes it and says what it holds.

It is a report and not state: a file that is gone is no error, and nothing is decided by it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from connections.settings import Settings


def read_report(settings: Settings, run_id: str) -> dict[str, Any] | None:
    """The report of one run, or None: it has said nothing yet, or its file has been tidied away."""
    return _read(_folder(settings) / f"{run_id}.json")


def recent_reports(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """The reports written last, newest first."""
    aged = []
    for path in _folder(settings).glob("*.json"):
        try:
            aged.append((path.stat().st_mtime, path))
        except FileNotFoundError:
            # Tidied away in this moment.
            continue
    newest = (_read(path) for _, path in sorted(aged, reverse=True)[:limit])
    return [report for report in newest if report]


def _folder(settings: Settings) -> Path:
    return settings.logs_dir / "runs"


def _read(path: Path) -> dict[str, Any] | None:
    # It is replaced as a whole, so it is either not there or complete.
    try:
        content: dict[str, Any] = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return content
