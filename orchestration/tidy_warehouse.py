"""The warehouse kept small: superseded readings go, unused blocks are given back.

The caller may build. Why staging can be built anew from what stays is in docs/decisions/0024; what
a lake needs besides is in `lake_upkeep`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb

from dlt_sources.stripe.streams import DATASET
from dlt_sources.stripe.warehouse import AS_IT_IS, Warehouse, tables, tried_again, writing
from orchestration.rewriting import rewritten

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


def forget_superseded(warehouse: Warehouse, *, before: datetime) -> dict[str, int]:
    """Delete readings from before an instant that a later complete reading superseded.

    Tombstones stay, and so does each object's newest reading, however old.

    Returns:
        Rows deleted by table; tables that are not there yet are left out.
    """
    instant = before.astimezone(UTC).replace(tzinfo=None)
    deleted = {}
    with writing(warehouse, memory=2**30) as connection:
        found = {name for schema, name in tables(connection) if schema == DATASET}
        for table in NEWEST_ONLY:
            if table in found and "_dlt_loads" in found:
                delete = partial(connection.execute, _SUPERSEDED.format(table=table), [instant])
                row = tried_again(delete).fetchone()
                deleted[table] = int(row[0]) if row else 0
    return deleted


def blocks(warehouse: Path) -> Blocks:
    """Return how large the file is and how much of it is unused."""
    with duckdb.connect(str(warehouse), config=AS_IT_IS) as connection:
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
    before = warehouse.stat().st_size
    with rewritten(warehouse):
        pass
    return before - warehouse.stat().st_size
