"""Objects become Arrow rows: one row per reading of one object, as `raw_stripe` holds them.

Rows of an account wait here, in memory up to a budget and then in files, until the account is
read completely; only then do they enter a load package. So a failed account leaves nothing, and
memory does not grow with an account.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

ROWS_PER_TABLE = 4000
"""Rows of one Arrow table at most: bounds what dlt buffers for each stream."""

READ_TIME = pa.timestamp("us")

OBJECT_SCHEMA = pa.schema(
    [
        pa.field("account_id", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("created", READ_TIME),
        pa.field("read_at", READ_TIME, nullable=False),
        pa.field("read_order", pa.int64(), nullable=False),
        pa.field("deleted", pa.bool_(), nullable=False),
        pa.field("object", pa.string(), nullable=False),
    ]
)

SYNC_SCHEMA = pa.schema(
    [
        pa.field("account_id", pa.string(), nullable=False),
        pa.field("sync_id", pa.string(), nullable=False),
        pa.field("mode", pa.string(), nullable=False),
        pa.field("started_at", READ_TIME, nullable=False),
        pa.field("events_cursor", pa.int64(), nullable=False),
        pa.field("history_start", READ_TIME, nullable=False),
        pa.field("reporting_timezone", pa.string()),
        pa.field("requests", pa.int64(), nullable=False),
        pa.field("objects", pa.int64(), nullable=False),
        pa.field("read_order", pa.int64(), nullable=False),
    ]
)

_SPILL = pa.ipc.IpcWriteOptions(compression="lz4")


def scrub(value: Any) -> Any:
    """Remove every `client_secret` from a decoded object, in place; returns it.

    A client secret lets its holder confirm a payment; nothing downstream needs it.
    """
    if isinstance(value, dict):
        value.pop("client_secret", None)
        for member in value.values():
            if isinstance(member, (dict, list)):
                scrub(member)
    elif isinstance(value, list):
        for member in value:
            if isinstance(member, (dict, list)):
                scrub(member)
    return value


def encode(obj: dict[str, Any]) -> bytes:
    """Return the object's JSON without client secrets.

    Walking every object in Python costs more than encoding it, so the walk is left out when the
    text does not contain the word at all.
    """
    text = orjson.dumps(obj)
    if b'"client_secret"' in text:
        text = orjson.dumps(scrub(obj))
    return text


def tombstone(object_type: str, object_id: str) -> dict[str, Any]:
    """Return what Stripe answers for a deleted object."""
    return {"id": object_id, "object": object_type, "deleted": True}


@dataclass(slots=True)
class Rows:
    """Rows of one stream that are not a table yet.

    The objects' texts lie one after the other in one buffer, as Arrow wants them. Held one by
    one, allocated by dozens of threads, they would leave the heap several times their size.
    """

    ids: list[str] = field(default_factory=list)
    created: list[int | None] = field(default_factory=list)
    read_at: list[int] = field(default_factory=list)
    read_order: list[int] = field(default_factory=list)
    deleted: list[bool] = field(default_factory=list)
    texts: bytearray = field(default_factory=bytearray)
    ends: array[int] = field(default_factory=lambda: array("i", [0]))

    def append(self, obj: dict[str, Any], read_at: int, read_order: int) -> int:
        """Add one reading; returns its size in bytes."""
        text = encode(obj)
        self.ids.append(obj["id"])
        self.created.append(obj.get("created"))
        self.read_at.append(read_at)
        self.read_order.append(read_order)
        self.deleted.append(bool(obj.get("deleted")))
        self.texts += text
        self.ends.append(len(self.texts))
        return len(text)

    def to_table(self, account_id: str) -> pa.Table:
        """Return the rows as an Arrow table with `OBJECT_SCHEMA`."""
        seconds = pa.timestamp("s")
        columns = [
            pa.array([account_id] * len(self.ids), pa.string()),
            pa.array(self.ids, pa.string()),
            pa.array(self.created, seconds).cast(READ_TIME),
            pa.array(self.read_at, seconds).cast(READ_TIME),
            pa.array(self.read_order, pa.int64()),
            pa.array(self.deleted, pa.bool_()),
            pa.StringArray.from_buffers(
                len(self.ids), pa.py_buffer(self.ends), pa.py_buffer(self.texts)
            ),
        ]
        return pa.Table.from_arrays(columns, schema=OBJECT_SCHEMA)


def sync_row(values: Mapping[str, Any]) -> pa.Table:
    """Return the one-row table of a completed sync."""
    return pa.Table.from_pylist([dict(values)], schema=SYNC_SCHEMA)


def utc(seconds: int) -> datetime:
    """Return unix seconds as an aware UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)


class MemoryBudget:
    """Bytes of rows that may wait in memory, over all accounts of a run."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Count `size` bytes as waiting; a negative size gives them back."""
        with self._lock:
            self.used += size


SPILL_AT_LEAST = 1024 * 1024
"""Bytes below which an account that is being read is not asked to make room."""


class AccountLanding:
    """The rows of one account while it is being read. Safe to use from many threads."""

    def __init__(self, account_id: str, directory: Path, *, budget: MemoryBudget) -> None:
        self.account_id = account_id
        self.counts: dict[str, int] = {}
        self._directory = directory
        self._budget = budget
        self._lock = threading.Lock()
        self._rows: dict[str, Rows] = {}
        self._bytes = 0
        self._files: dict[str, list[Path]] = {}

    def add(
        self, stream: str, objects: Iterable[dict[str, Any]], read_at: int, read_order: int
    ) -> int:
        """Land readings of `stream`; returns how many this account has of it now."""
        with self._lock:
            rows = self._rows.setdefault(stream, Rows())
            size = 0
            for obj in objects:
                size += rows.append(obj, read_at, read_order)
                self.counts[stream] = self.counts.get(stream, 0) + 1
            self._bytes += size
            self._budget.take(size)
            if len(rows.ids) >= ROWS_PER_TABLE or self._must_make_room():
                self._spill()
            return self.counts.get(stream, 0)

    def _must_make_room(self) -> bool:
        """No account may take more than its part, nor all together more than there is."""
        full = self._budget.used >= self._budget.limit and self._bytes >= SPILL_AT_LEAST
        return full or self._bytes >= self._budget.limit // 4

    def finish(self) -> None:
        """Say that the account is read: its rows may wait long for those of the others."""
        with self._lock:
            if self._budget.used >= self._budget.limit // 2:
                self._spill()

    def _spill(self) -> None:
        """Write all waiting rows to files: the budget is the account's, not the stream's."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for stream, rows in self._rows.items():
            files = self._files.setdefault(stream, [])
            path = self._directory / f"{stream}-{len(files)}.arrow"
            table = rows.to_table(self.account_id)
            with (
                pa.OSFile(str(path), "wb") as sink,
                pa.ipc.new_file(sink, OBJECT_SCHEMA, options=_SPILL) as writer,
            ):
                writer.write_table(table)
            files.append(path)
        self._rows.clear()
        self._budget.take(-self._bytes)
        self._bytes = 0

    def tables(self, stream: str) -> Iterator[pa.Table]:
        """Yield the stream's rows, spilled ones first; for use once the account is read."""
        for path in self._files.get(stream, ()):
            with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as reader:
                yield reader.read_all()
        rows = self._rows.get(stream)
        if rows and rows.ids:
            yield rows.to_table(self.account_id)
