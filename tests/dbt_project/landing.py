"""Lands Stripe objects in a DuckDB file the way the dlt source does.

Belongs here: the raw schema and plain inserts into it, so that the models can be tested without
a server. Not here: what the objects say (see `objects.py`) and what should come of them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

STREAMS = (
    "accounts",
    "charges",
    "refunds",
    "disputes",
    "invoices",
    "subscriptions",
    "customers",
    "products",
    "prices",
    "coupons",
    "events",
)

Object = Mapping[str, Any]


def utc(unix_seconds: int) -> dt.datetime:
    """Return the naive UTC timestamp of a Unix time."""
    return dt.datetime.fromtimestamp(unix_seconds, tz=dt.UTC).replace(tzinfo=None)


def create_raw_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the empty raw tables, as a first load of an empty account would."""
    connection.execute("create schema if not exists raw_stripe")
    for stream in STREAMS:
        connection.execute(
            f"""create table if not exists raw_stripe.{stream} (
                account_id varchar, id varchar, created timestamp, read_at timestamp,
                read_order bigint, deleted boolean, object json, _dlt_load_id varchar
            )"""
        )
    connection.execute(
        """create table if not exists raw_stripe.syncs (
            account_id varchar, sync_id varchar, mode varchar, started_at timestamp,
            events_cursor bigint, history_start timestamp, reporting_timezone varchar,
            requests bigint, objects bigint, read_order bigint, _dlt_load_id varchar
        )"""
    )
    connection.execute(
        """create table if not exists raw_stripe._dlt_loads (
            load_id varchar, schema_name varchar, status bigint,
            inserted_at timestamp with time zone, schema_version_hash varchar
        )"""
    )


@dataclass
class Load:
    """One load package: the objects of one account as one sync read them.

    Attributes:
        account_id: The connected account.
        read_at: Stripe's clock when the sync began, Unix seconds: the account's "now".
        objects: Objects by stream.
        tombstones: Ids by stream that Stripe no longer has.
        load_id: The package's id.
        complete: Whether the package's completion is recorded.
        history_days: Days of payment history that the sync imported.
        reporting_timezone: The operator's override.
    """

    account_id: str
    read_at: int
    objects: Mapping[str, Iterable[Object]]
    tombstones: Mapping[str, Iterable[str]] = field(default_factory=dict)
    load_id: str = ""
    complete: bool = True
    history_start: int | None = None
    history_days: int = 90
    reporting_timezone: str | None = None
    mode: str = "first_import"


def land(connection: duckdb.DuckDBPyConnection, load: Load) -> str:
    """Append a load package to the raw tables.

    Returns:
        The package's load id.
    """
    create_raw_schema(connection)
    load_id = load.load_id or f"{load.read_at}.{load.account_id}"
    read_at = utc(load.read_at)
    order = load.read_at * 1_000_000_000
    for stream in STREAMS:
        rows = [
            (item["id"], item.get("created"), False, json.dumps(item))
            for item in load.objects.get(stream, ())
        ]
        rows += [
            (key, None, True, json.dumps({"id": key, "object": stream[:-1], "deleted": True}))
            for key in load.tombstones.get(stream, ())
        ]
        if not rows:
            continue
        landed = pa.table(
            {
                "id": [row[0] for row in rows],
                "created": [None if row[1] is None else utc(row[1]) for row in rows],
                "deleted": [row[2] for row in rows],
                "object": [row[3] for row in rows],
            }
        )
        connection.register("landed", landed)
        connection.execute(
            f"""insert into raw_stripe.{stream}
            select ?, id, cast(created as timestamp), ?, ?, deleted, object, ? from landed""",
            [load.account_id, read_at, order, load_id],
        )
        connection.unregister("landed")
    history_start = load.history_start or load.read_at - load.history_days * 86_400
    connection.execute(
        "insert into raw_stripe.syncs values (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?)",
        [
            load.account_id,
            f"sync_{load_id}",
            load.mode,
            read_at,
            load.read_at - 60,
            utc(history_start),
            load.reporting_timezone,
            order,
            load_id,
        ],
    )
    if load.complete:
        complete(connection, load_id)
    return load_id


def complete(connection: duckdb.DuckDBPyConnection, load_id: str) -> None:
    """Record that a load package arrived whole."""
    connection.execute(
        "insert into raw_stripe._dlt_loads values (?, 'stripe', 0, now(), 'test')", [load_id]
    )
