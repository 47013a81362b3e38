"""Objects become Arrow rows: one row per reading of one object, as `raw_stripe` holds them.

Where rows wait until their account is read is `landing`'s concern.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa

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
        pa.field("pii", pa.string()),
        pa.field("gap_recovered", pa.bool_()),
        pa.field("requests", pa.int64(), nullable=False),
        pa.field("objects", pa.int64(), nullable=False),
        pa.field("read_order", pa.int64(), nullable=False),
    ]
)


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
