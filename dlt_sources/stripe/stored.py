"""What the warehouse holds of one account, as a sweep asks for it: hashes first, texts last.

Each question opens the warehouse under the caller's lock and closes it again. A whole account is
never held: of an object 25 bytes are.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import duckdb
import pyarrow as pa

from dlt_sources.stripe.streams import DATASET, STREAMS, Kind
from dlt_sources.stripe.warehouse import Warehouse, reading

MEMORY = 512 * 1024 * 1024
"""Bytes of memory that DuckDB may use for one question."""

ASKED_AT_ONCE = 2000
"""Objects whose texts are held at once."""

_READINGS = f"""
from {DATASET}.{{table}}
where account_id = $account
  and _dlt_load_id in (select load_id from {DATASET}._dlt_loads where status = 0)
"""  # noqa: S608

_INDEX = f"""
with newest as (
    select
        md5_number_lower(id) as id_hash,
        arg_max(
            {{{{
                'text': md5_number_lower(object::varchar),
                'deleted': deleted,
                'created': epoch(created)::bigint
            }}}},
            {{{{'read_at': read_at, 'read_order': read_order}}}}
        ) as reading
    {_READINGS}
    group by 1
)
select
    id_hash,
    reading.text as text_hash,
    coalesce(reading.created, 0) as created,
    (not reading.deleted)::utinyint as alive
from newest
order by id_hash
"""  # noqa: S608

_TEXTS = f"""
select id, object::varchar, deleted
{_READINGS}
  and id in (select unnest($ids))
qualify row_number() over (partition by id order by read_at desc, read_order desc) = 1
"""

_NAMES = f"""
select distinct id
{_READINGS}
  and md5_number_lower(id) in (select unnest($hashes::ubigint[]))
order by id
"""


def hash64(text: bytes) -> int:
    """Return what DuckDB's `md5_number_lower` returns."""
    return int.from_bytes(hashlib.md5(text, usedforsecurity=False).digest()[8:], "little")


@dataclass(frozen=True)
class StoredIndex:
    """The current objects of one stream, by hash, in the order of `ids`.

    Attributes:
        ids: Hashes of the ids, ascending.
        texts: Hashes of the objects' texts.
        created: Unix seconds, 0 where unknown.
        alive: 0 for tombstones.
    """

    ids: array[int]
    texts: array[int]
    created: array[int]
    alive: array[int]

    def find(self, id_hash: int) -> int | None:
        """Return where an id is, `None` if it is not stored."""
        place = bisect_left(self.ids, id_hash)
        return place if place < len(self.ids) and self.ids[place] == id_hash else None


def _numbers(code: str, column: pa.ChunkedArray) -> array[int]:
    """Copy a column of whole numbers without NULLs into an array of the same width."""
    numbers = array(code)
    for chunk in column.chunks:
        start = chunk.offset * numbers.itemsize
        values = chunk.buffers()[1]
        numbers.frombytes(memoryview(values)[start : start + len(chunk) * numbers.itemsize])
    return numbers


class Stored(Protocol):
    """What a sweep compares with."""

    def indexes(self) -> Mapping[str, StoredIndex]:
        """Return the index of every stream that is a list."""
        ...

    def texts(self, stream: str, ids: Sequence[str]) -> Mapping[str, str | None]:
        """Return the newest text of each object that was ever read; None for a tombstone."""
        ...

    def names(self, stream: str, hashes: Sequence[int]) -> list[str]:
        """Return the ids that have these hashes."""
        ...


@dataclass(frozen=True)
class WarehouseState:
    """One account in the warehouse.

    Attributes:
        warehouse: The warehouse.
        account_id: The account.
        locked: Gives the right to open it while a block lasts.
    """

    warehouse: Warehouse
    account_id: str
    locked: Callable[[], AbstractContextManager[None]]

    def indexes(self) -> dict[str, StoredIndex]:
        """Return the index of every stream that is a list."""
        with self._open() as connection:
            return {
                stream.name: self._index(connection, stream.name)
                for stream in STREAMS
                if stream.kind in (Kind.STATE, Kind.HISTORY)
            }

    def _index(self, connection: duckdb.DuckDBPyConnection, table: str) -> StoredIndex:
        found = connection.execute(
            _INDEX.format(table=table), {"account": self.account_id}
        ).to_arrow_table()
        return StoredIndex(
            _numbers("Q", found["id_hash"]),
            _numbers("Q", found["text_hash"]),
            _numbers("q", found["created"]),
            _numbers("B", found["alive"]),
        )

    def texts(self, stream: str, ids: Sequence[str]) -> dict[str, str | None]:
        """Return the newest text of each object that was ever read; None for a tombstone."""
        with self._open() as connection:
            rows = connection.execute(
                _TEXTS.format(table=stream), {"account": self.account_id, "ids": list(ids)}
            ).fetchall()
        return {object_id: None if deleted else text for object_id, text, deleted in rows}

    def names(self, stream: str, hashes: Sequence[int]) -> list[str]:
        """Return the ids that have these hashes."""
        with self._open() as connection:
            rows = connection.execute(
                _NAMES.format(table=stream),
                {"account": self.account_id, "hashes": [int(each) for each in hashes]},
            ).fetchall()
        return [object_id for (object_id,) in rows]

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self.locked(), reading(self.warehouse, memory=MEMORY) as connection:
            yield connection
