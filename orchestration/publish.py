"""Publishing: the marts as a file of their own that readers open without meeting a lock.

DuckDB refuses a reader while a writer has the file. So BI tools, the console and the
command line never open the warehouse: after each build the marts are written aside and put
in place by one atomic rename. Who keeps the old file open goes on seeing the old data until
they reconnect. The files that are made from this one are in `copies`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from dlt_sources.stripe.sql import identifier, literal
from dlt_sources.stripe.warehouse import Warehouse, reading
from orchestration.placing import BUILDS, KEPT, build_name, put_in_place

#: Readable by DuckDB 1.0 and every later version (https://duckdb.org/docs/internals/storage).
STORAGE_VERSION = "v1.0.0"

MARTS_SCHEMA = "marts"
MARTS_FILE = "marts.duckdb"
SPILLED = "spilled"

#: In the order in which pages ask: one account, its newest days. DuckDB keeps the least and the
#: greatest value of each 122,880 rows, and skips those that a reader's account and days rule out.
ACCOUNT = "account_id"
DAYS = ("day", "revenue_day")

#: Says of each account in the file how fresh it is, and which build this is.
ABOUT = "_published"

# UTC without a zone, as in all marts: some drivers need more packages for a zone.
_ABOUT_QUERY = """
create table published.main._published as
with syncs as (
    select
        account_id,
        max(read_order) as read_order
    from raw_stripe.syncs
    group by account_id
)
select
    accounts.account_id,
    $run_id::varchar as run_id,
    $schema_version::varchar as schema_version,
    now() at time zone 'UTC' as published_at,
    accounts.now_at as as_of,
    make_timestamp(syncs.read_order // 1000) as last_synced_at
from marts.dim_accounts as accounts
left join syncs on accounts.account_id = syncs.account_id
order by accounts.account_id
"""


@dataclass(frozen=True)
class PublishedTable:
    """One published table and its number of rows."""

    name: str
    rows: int


def publish_marts(
    warehouse: Warehouse, published: Path, run_id: str, *, kept: timedelta = KEPT
) -> list[PublishedTable]:
    """Write `published/marts.duckdb` anew from the warehouse's marts.

    The caller may build. Killed at any instant it leaves the former file as
    it was, and at most one build aside that the next call removes.

    Args:
        warehouse: The warehouse.
        published: The folder of published files; made if it is not there.
        run_id: Recorded in the table `_published`.
        kept: How long former files stay for readers that opened them from another machine.

    Returns:
        The published tables, in alphabetical order.
    """
    build = build_name()
    stage = published / BUILDS / f".{build}.new"
    for leftover in (published / BUILDS).glob(".*.new"):
        shutil.rmtree(leftover)
    stage.mkdir(parents=True)
    aside = stage / MARTS_FILE
    with reading(warehouse) as connection:
        connection.execute(
            f"attach {literal(aside)} as published"
            f" (read_write, storage_version '{STORAGE_VERSION}')"
        )
        columns = connection.execute(
            "select table_name, column_name, data_type from information_schema.columns"
            " where table_catalog = current_database() and table_schema = ?"
            " order by table_name, ordinal_position",
            [MARTS_SCHEMA],
        ).fetchall()
        connection.execute(f"set temp_directory = {literal(stage / SPILLED)}")
        names: dict[str, list[str]] = {}
        for table, column, _ in columns:
            names.setdefault(str(table), []).append(str(column))
        tables = [_copy_table(connection, *entry) for entry in names.items()]
        connection.execute(
            _ABOUT_QUERY, {"run_id": run_id, "schema_version": _schema_version(columns)}
        )
        connection.execute("detach published")
    # What sorting had no memory for; gone already, unless DuckDB left an empty directory.
    shutil.rmtree(stage / SPILLED, ignore_errors=True)
    sync_to_disk(aside)
    put_in_place(stage, published, build, kept=kept)
    sync_to_disk(published)
    return tables


def _schema_version(columns: list[tuple[str, str, str]]) -> str:
    """Another one as soon as a table, a column or a type is another one."""
    return hashlib.sha256(repr(columns).encode()).hexdigest()[:12]


def _copy_table(
    connection: duckdb.DuckDBPyConnection, name: str, columns: list[str]
) -> PublishedTable:
    quoted = identifier(name)
    rows = f"from {MARTS_SCHEMA}.{quoted}{reading_order(columns)}"
    connection.execute(f"create table published.main.{quoted} as {rows}")
    row = connection.execute(f"select count(*) from published.main.{quoted}").fetchone()  # noqa: S608 - a quoted identifier
    return PublishedTable(name=name, rows=int(row[0]) if row else 0)


def reading_order(columns: Collection[str]) -> str:
    """Return the clause that puts a mart's rows in the order in which pages read them."""
    if ACCOUNT not in columns:
        return ""
    day = next((f", {column} desc" for column in DAYS if column in columns), "")
    return f" order by {ACCOUNT}{day}"


def sync_to_disk(path: Path) -> None:
    """Wait until a file, or a directory's names, are on the disk."""
    # The rename must not become visible, after a power cut, before the content is.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
