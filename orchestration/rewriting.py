"""Rewriting the warehouse, so that what was deleted is gone from the disk too.

DuckDB marks a deleted row's blocks as free and leaves their bytes where they are. So the file is
copied into a fresh one, which holds only what is there, and put in its place by one rename. A
lake's files are written anew one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import duckdb

from dlt_sources.stripe.lake import Lake
from dlt_sources.stripe.sql import identifier, literal
from dlt_sources.stripe.warehouse import (
    AS_IT_IS,
    ROW_GROUP,
    SETTINGS,
    STORAGE_VERSION,
    Warehouse,
    tried_again,
)
from orchestration.lake_upkeep import forgetting
from orchestration.publish import sync_to_disk

_COLUMN = "account_id"


def tables_of_accounts(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the quoted names of all tables that have a column `account_id`."""
    rows = connection.execute(
        "select t.schema_name, t.table_name from duckdb_tables() t"
        " join duckdb_columns() c using (database_name, schema_name, table_name)"
        " where t.database_name = current_database() and c.column_name = ? order by all",
        [_COLUMN],
    ).fetchall()
    return [f"{identifier(schema)}.{identifier(table)}" for schema, table in rows]


def delete_account(connection: duckdb.DuckDBPyConnection, account_id: str) -> int:
    """Delete an account's rows from every table that has the column.

    Returns:
        How many rows there were.
    """
    deleted = 0
    for table in tables_of_accounts(connection):
        sql = f"delete from {table} where {_COLUMN} = ?"  # noqa: S608 - quoted names
        row = tried_again(partial(connection.execute, sql, [account_id])).fetchone()
        deleted += int(row[0]) if row else 0
    return deleted


@contextmanager
def rewritten(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for changes; when the block ends well, write it anew.

    The caller may build. Killed at any instant it leaves a whole warehouse, with the
    changes or without them; doing it again ends it.

    Args:
        warehouse: The warehouse, which exists.

    Yields:
        A connection whose current database is the warehouse.
    """
    if isinstance(warehouse, Lake):
        with forgetting(warehouse) as connection:
            yield connection
        return
    aside = warehouse.with_name(f".{warehouse.name}.new")
    for leftover in (aside, aside.with_name(f"{aside.name}.wal")):
        leftover.unlink(missing_ok=True)
    with duckdb.connect(config=SETTINGS | AS_IT_IS) as connection:
        connection.execute(f"attach {literal(warehouse)} as warehouse")
        connection.execute("use warehouse")
        yield connection
        connection.execute(
            f"attach {literal(aside)} as fresh"
            f" (row_group_size {ROW_GROUP}, storage_version '{STORAGE_VERSION}')"
        )
        connection.execute("copy from database warehouse to fresh")
        connection.execute("checkpoint fresh")
        connection.execute("use memory")
        connection.execute("detach fresh")
        connection.execute("detach warehouse")
    sync_to_disk(aside)
    aside.replace(warehouse)
    warehouse.with_name(f"{warehouse.name}.wal").unlink(missing_ok=True)
    sync_to_disk(warehouse.parent)
