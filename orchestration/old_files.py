"""Files under the home that nobody needs any more.

What a living process works on is told by its lock, or by its age.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connections.disk import size_of
from connections.settings import Settings
from dlt_sources.stripe.runs import RunBusy, RunDirectory
from orchestration.placing import directories_of_builds, remove_former

#: The embedded server writes one log for ever; so much of its end is kept.
_SERVER_LOG_LIMIT = 20 * 2**20
_SERVER_LOG_KEPT = 2 * 2**20


@dataclass(frozen=True)
class Freed:
    """What was removed: how many files or directories, and their bytes."""

    count: int = 0
    size: int = 0

    def __add__(self, other: Freed) -> Freed:
        return Freed(self.count + other.count, self.size + other.size)


def remove_leftovers(settings: Settings, *, before: datetime) -> Freed:
    """Remove what killed processes left. A whole load package stays: the next load takes it."""
    freed = Freed()
    for path in _children(settings.runs_dir):
        if not _older(path, before):
            continue
        if path.name.startswith("."):
            freed += _remove(path)
            continue
        run = RunDirectory(path)
        try:
            with run.locked():
                if run.complete_rows() is None:
                    freed += _remove(path)
        except (RunBusy, FileNotFoundError):
            continue
    for directory in directories_of_builds(settings.published_dir):
        # Publishing does it too; here, where nothing is published any more.
        freed += Freed(*remove_former(directory, before))
    asides = [*settings.published_dir.rglob(".*.new*"), *_children(settings.home / "dbt" / "runs")]
    return freed + _remove_older(asides, before)


def remove_logs(settings: Settings, *, before: datetime) -> Freed:
    """Remove run reports, captured output and Dagster's files of old runs."""
    directories = (
        settings.logs_dir / "runs",
        settings.logs_dir / "compute",
        settings.dagster_dir / "storage",
    )
    found = [path for directory in directories for path in _children(directory)]
    return _remove_older(found, before)


def shorten_server_log(settings: Settings) -> Freed:
    """Keep only the end of the embedded server's log, once it is long."""
    log = settings.postgres_dir / "server.log"
    size = log.stat().st_size if log.exists() else 0
    if size <= _SERVER_LOG_LIMIT:
        return Freed()
    # In place: the server has it open, and goes on at the file's new end.
    with log.open("r+b") as file:
        file.seek(-_SERVER_LOG_KEPT, os.SEEK_END)
        end = file.read()
        file.seek(0)
        file.write(end[end.find(b"\n") + 1 :])
        file.truncate()
    return Freed(1, size - log.stat().st_size)


def remove_spills(settings: Settings) -> Freed:
    """Remove what DuckDB swapped out, and a restore that was never ready.

    The caller holds the warehouse lock, so that nobody is using either.
    """
    spills = list(settings.home.glob("warehouse.duckdb.tmp*"))
    asides = list(settings.home.glob(".warehouse.duckdb.*"))
    unready = [] if settings.restore_mark.exists() else [settings.restore_dir]
    return sum((_remove(path) for path in (*spills, *asides, *unready) if path.exists()), Freed())


def _remove_older(paths: Iterable[Path], before: datetime) -> Freed:
    return sum((_remove(path) for path in paths if _older(path, before)), Freed())


def _remove(path: Path) -> Freed:
    size = size_of(path)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return Freed(1, size)


def _older(path: Path, before: datetime) -> bool:
    try:
        return path.lstat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False


def _children(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []
