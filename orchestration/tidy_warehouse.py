"""The warehouse file kept small: superseded readings go, unused blocks are given back.

The caller holds the warehouse lock. Why staging can be built anew from what stays is in
docs/decisions/0024.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dlt_sources.stripe.streams import DATASET
from dlt_sources.stripe.warehouse import CATALOG, ROW_GROUP, SETTINGS, STORAGE_VERSION
from orchestration.publish import sync_to_disk

#: Streams of which the models read the newest reading of each object and nothing older. Not
#: among them: subscriptions, whose versions are history, and events, which are one.
NEWEST_ONLY = (
    "accounts",
    "charges",
    "coupons",
    "customers",
    "disputes",
    "invoices",
    "prices",
    "products",
    "refunds",
)

#: A file is written anew when so large a part of it is unused, and it is at least so many bytes.
FREE_SHARE = 0.3
FREE_BYTES = 64 * 2**20

_SUPERSEDED = f"""
delete from {DATASET}.{{table}} where rowid in (
    select rowid
    from (
        select
            rowid,
            read_at,
            row_number() over (
                partition by account_id, id order by read_at desc, read_order desc
            ) as age
        from {DATASET}.{{table}}
        where
            not deleted
            and _dlt_load_id in (select load_id from {DATASET}._dlt_loads where status = 0)
    )
    where age > 1 and read_at < ?
)
"""  # noqa: S608 - our own names


@dataclass(frozen=True)
class Blocks:
    """The warehouse file's size and how much of it is unused, in bytes."""

    total: int
    free: int


def forget_superseded(warehouse: Path, *, before: datetime) -> dict[str, int]:
    """Delete readings from before an instant that a later complete reading superseded.

    Tombstones stay, and so does each object's newest reading, however old.

    Returns:
        Rows deleted by table; tables that are not there yet are left out.
    """
    instant = before.astimezone(UTC).replace(tzinfo=None)
    deleted = {}
    with duckdb.connect(str(warehouse), config={"memory_limit": "1GB"}) as connection:
        tables = {
            name
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where schema_name = ?", [DATASET]
            ).fetchall()
        }
        for table in NEWEST_ONLY:
            if table in tables and "_dlt_loads" in tables:
                row = connection.execute(_SUPERSEDED.format(table=table), [instant]).fetchone()
                deleted[table] = int(row[0]) if row else 0
        connection.execute("checkpoint")
    return deleted


def blocks(warehouse: Path) -> Blocks:
    """Return how large the file is and how much of it is unused."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("checkpoint")
        row = connection.execute(
            "select block_size * total_blocks, block_size * free_blocks from pragma_database_size()"
        ).fetchone()
    return Blocks(int(row[0]), int(row[1])) if row else Blocks(0, 0)


def give_back_blocks(
    warehouse: Path, *, free_share: float = FREE_SHARE, free_bytes: int = FREE_BYTES
) -> int:
    """Write the file anew if much of it is unused: DuckDB uses free blocks again, but keeps them.

    Killed at any moment the former file is as it was.

    Args:
        warehouse: The file.
        free_share: Unused part from which it is worth it.
        free_bytes: Unused bytes from which it is worth it.

    Returns:
        Bytes by which the file is smaller.
    """
    now = blocks(warehouse)
    if now.free < free_bytes or now.free < now.total * free_share:
        return 0
    _require_known_kinds(warehouse)
    before = warehouse.stat().st_size
    aside = warehouse.with_name(f".{warehouse.name}.new")
    for leftover in (aside, aside.with_name(f"{aside.name}.wal")):
        leftover.unlink(missing_ok=True)
    # As the loads write them (docs/decisions/0014), and the others as dbt does.
    raw = f"row_group_size {ROW_GROUP}, storage_version '{STORAGE_VERSION}'"
    _copy(warehouse, aside, SETTINGS, raw, f"= '{DATASET}'")
    _copy(warehouse, aside, {"memory_limit": "1GB"}, "read_write", f"<> '{DATASET}'")
    sync_to_disk(aside)
    aside.replace(warehouse)
    warehouse.with_name(f"{warehouse.name}.wal").unlink(missing_ok=True)
    sync_to_disk(warehouse.parent)
    return before - warehouse.stat().st_size


def _require_known_kinds(warehouse: Path) -> None:
    """Copying knows tables and views; what else there is would be lost in silence."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        others = connection.execute(
            "select index_name from duckdb_indexes() union all"
            " select sequence_name from duckdb_sequences() union all"
            " select function_name from duckdb_functions()"
            " where not internal and database_name = current_database()"
        ).fetchall()
    if others:
        raise RuntimeError(f"The warehouse has what copying it does not know: {others}")


def _copy(
    source: Path,
    target: Path,
    settings: dict[str, str | bool | int | float | list[str]],
    options: str,
    schemas: str,
) -> None:
    """Copy tables and views of some schemas, by the statements that made them."""
    of_source = f"database_name = 'source' and schema_name {schemas}"
    with duckdb.connect(config=settings) as connection:
        connection.execute(f"attach '{_quoted(source)}' as source (read_only)")
        connection.execute(f"attach '{_quoted(target)}' as {CATALOG} ({options})")
        connection.execute(f"use {CATALOG}")
        schemas_of_source = connection.execute(
            f"select distinct schema_name from duckdb_schemas() where {of_source}"  # noqa: S608
            " and not internal"
        ).fetchall()
        for (schema,) in schemas_of_source:
            connection.execute(f'create schema if not exists "{schema}"')
        tables = connection.execute(
            f"select schema_name, table_name, sql from duckdb_tables() where {of_source}"  # noqa: S608
        ).fetchall()
        for schema, table, statement in tables:
            connection.execute(statement)
            name = f'"{schema}"."{table}"'
            connection.execute(f"insert into {CATALOG}.{name} from source.{name}")
            there, here = (len(connection.table(f"{c}.{name}")) for c in ("source", CATALOG))
            if there != here:
                raise RuntimeError(f"{name}: {here} rows were copied of {there}")
        views = connection.execute(
            f"select sql from duckdb_views() where {of_source} and not internal"  # noqa: S608
            " order by view_oid"
        ).fetchall()
        for (statement,) in views:
            connection.execute(statement)
        connection.execute("checkpoint")
        connection.execute("use memory")
        connection.execute(f"detach {CATALOG}")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
