"""Publishing: the marts as a file of their own that readers open without meeting a lock.

DuckDB refuses a reader while a writer has the file. So BI tools, the console and the
command line never open the warehouse: after each build the marts are written aside and put
in place by one atomic rename. Who keeps the old file open goes on seeing the old data until
they reconnect.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

#: Readable by DuckDB 1.0 and every later version (https://duckdb.org/docs/internals/storage).
STORAGE_VERSION = "v1.0.0"

MARTS_SCHEMA = "marts"


@dataclass(frozen=True)
class PublishedTable:
    """One published table and its number of rows."""

    name: str
    rows: int


def publish_marts(warehouse: Path, published: Path, run_id: str) -> list[PublishedTable]:
    """Write `published/marts.duckdb` anew from the warehouse's marts.

    The caller holds the warehouse lock. Killed at any instant it leaves the former file as
    it was, and at most one file aside that the next call writes over.

    Args:
        warehouse: The warehouse file.
        published: The folder of published files; made if it is not there.
        run_id: Recorded in the table `_published`.

    Returns:
        The published tables, in alphabetical order.
    """
    published.mkdir(parents=True, exist_ok=True)
    target = published / "marts.duckdb"
    aside = published / ".marts.duckdb.new"
    for leftover in (aside, aside.with_name(f"{aside.name}.wal")):
        leftover.unlink(missing_ok=True)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        quoted = str(aside).replace("'", "''")
        connection.execute(
            f"attach '{quoted}' as published (read_write, storage_version '{STORAGE_VERSION}')"
        )
        names = [
            name
            for (name,) in connection.execute(
                "select table_name from information_schema.tables"
                " where table_catalog = current_database() and table_schema = ?"
                " order by table_name",
                [MARTS_SCHEMA],
            ).fetchall()
        ]
        tables = [_copy_table(connection, name) for name in names]
        connection.execute(
            # UTC without a zone, as in all marts: some drivers need more packages for a zone.
            "create table published.main._published as"
            " select ?::varchar as run_id, now() at time zone 'UTC' as published_at",
            [run_id],
        )
        connection.execute("detach published")
    sync_to_disk(aside)
    aside.replace(target)
    sync_to_disk(published)
    return tables


def _copy_table(connection: duckdb.DuckDBPyConnection, name: str) -> PublishedTable:
    quoted = '"' + name.replace('"', '""') + '"'
    connection.execute(f"create table published.main.{quoted} as from {MARTS_SCHEMA}.{quoted}")
    row = connection.execute(f"select count(*) from published.main.{quoted}").fetchone()  # noqa: S608 - a quoted identifier
    return PublishedTable(name=name, rows=int(row[0]) if row else 0)


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or a directory's names, are on the disk."""
    # The rename must not become visible, after a power cut, before the content is.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
