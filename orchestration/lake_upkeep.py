"""A lake kept small: small files merged, old snapshots let go, files that nobody needs removed.

What a warehouse file gets by being rewritten (`rewriting`, `tidy_warehouse`). The caller may build;
loads wait meanwhile. How long snapshots stay is how long a reader or a loader that is under
way may take.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from dlt_sources.stripe.lake import CATALOG, Lake
from dlt_sources.stripe.warehouse import tried_again, writing

#: Nothing that is under way reads a snapshot older than this.
SNAPSHOTS_KEPT = timedelta(days=1)

#: A file of which so large a part is deleted is written anew.
_DELETED_SHARE = 0.3


@dataclass(frozen=True)
class Tidied:
    """What was done.

    Attributes:
        merged: Files that were merged into others, or written anew.
        snapshots: Snapshots let go.
        removed: Files removed.
    """

    merged: int
    snapshots: int
    removed: int


def tidy_lake(lake: Lake, now: datetime, *, kept: timedelta = SNAPSHOTS_KEPT) -> Tidied:
    """Merge small files, let snapshots go, remove what no snapshot needs.

    Killed at any moment the lake is whole; the next call ends it.

    Args:
        lake: The lake, which exists.
        now: The time, with its zone.
        kept: How long snapshots and removed files stay.
    """
    with writing(lake, alone=True) as connection:
        before = now - kept
        merged = _compact(connection, _DELETED_SHARE)
        snapshots = len(_call(connection, f"ducklake_expire_snapshots({_when(before)})"))
        removed = _remove(connection, before)
    return Tidied(merged, snapshots, removed)


@contextmanager
def forgetting(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a lake to delete; when the block ends well, what was deleted is in no file any more.

    All other snapshots go at once too.

    Yields:
        A connection whose current database is the lake.
    """
    with writing(lake, alone=True) as connection:
        yield connection
        _compact(connection, 0)
        _call(connection, f"ducklake_expire_snapshots({_when(datetime.now(UTC))})")
        _call(connection, f"ducklake_cleanup_old_files('{CATALOG}', cleanup_all => true)")


def _compact(connection: duckdb.DuckDBPyConnection, deleted_share: float) -> int:
    """Write small and half-empty files anew; returns how many."""
    _call(connection, f"ducklake_flush_inlined_data('{CATALOG}')")
    done = [
        *_call(
            connection,
            f"ducklake_rewrite_data_files('{CATALOG}', delete_threshold => {deleted_share})",
        ),
        *_call(connection, f"ducklake_merge_adjacent_files('{CATALOG}')"),
    ]
    return sum(processed for _, _, processed, _ in done)


def _remove(connection: duckdb.DuckDBPyConnection, before: datetime) -> int:
    removed = len(_call(connection, f"ducklake_cleanup_old_files({_when(before)})"))
    # What a killed writer left belongs to no snapshot; a living one's files are young.
    young = min(before, datetime.now(UTC) - SNAPSHOTS_KEPT)
    return removed + len(_call(connection, f"ducklake_delete_orphaned_files({_when(young)})"))


def _when(before: datetime) -> str:
    return f"'{CATALOG}', older_than => timestamptz '{before.isoformat()}'"


def _call(connection: duckdb.DuckDBPyConnection, function: str) -> list[tuple[Any, ...]]:
    return tried_again(lambda: connection.execute(f"call {function}").fetchall())
