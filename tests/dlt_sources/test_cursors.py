"""Cursors come from the warehouse, and only from completed loads."""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from dlt_sources.stripe import Cursor, read_cursors
from dlt_sources.stripe.streams import STREAMS

STARTED = datetime(2026, 11, 20, 12, 0)
HISTORY = datetime(2026, 8, 22)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """The raw tables, empty, as a first load makes them."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw_stripe")
        connection.execute("create table raw_stripe._dlt_loads (load_id varchar, status bigint)")
        connection.execute(
            "create table raw_stripe.syncs (account_id varchar, events_cursor bigint, started_at"
            " timestamp, history_start timestamp, read_order bigint, _dlt_load_id varchar)"
        )
        for stream in STREAMS:
            connection.execute(
                f"create table raw_stripe.{stream.name} (account_id varchar, id varchar, created"
                " timestamp, read_at timestamp, read_order bigint, deleted boolean, object json,"
                " _dlt_load_id varchar)"
            )
    return path


def run(warehouse: Path, *statements: str) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        for statement in statements:
            connection.execute(statement)


def sync(account: str, cursor: int, started: datetime, load: str) -> str:
    return (
        f"insert into raw_stripe.syncs values ('{account}', {cursor}, '{started}', '{HISTORY}',"
        f" 1, '{load}')"
    )


def object_row(stream: str, object_id: str, created: str, load: str, **fields: str) -> str:
    text = "{" + ", ".join(f'"{name}": "{value}"' for name, value in fields.items()) + "}"
    return (
        f"insert into raw_stripe.{stream} values ('acct_1', '{object_id}', '{created}',"
        f" '{created}', 1, false, '{text}', '{load}')"
    )


def test_nobody_has_a_cursor_without_a_warehouse(tmp_path: Path) -> None:
    assert read_cursors(tmp_path / "none.duckdb", ["acct_1"]) == {}
    duckdb.connect(str(tmp_path / "empty.duckdb")).close()
    assert read_cursors(tmp_path / "empty.duckdb", ["acct_1"]) == {}


def test_a_sync_counts_once_its_load_is_complete(warehouse: Path) -> None:
    cursor = int(STARTED.replace(tzinfo=UTC).timestamp()) - 60
    run(warehouse, sync("acct_1", cursor, STARTED, "load1"))
    assert read_cursors(warehouse, ["acct_1"]) == {}
    run(warehouse, "insert into raw_stripe._dlt_loads values ('load1', 1)")
    assert read_cursors(warehouse, ["acct_1"]) == {}
    run(warehouse, "update raw_stripe._dlt_loads set status = 0")
    expected = Cursor("acct_1", cursor, STARTED.replace(tzinfo=UTC), HISTORY.replace(tzinfo=UTC))
    assert read_cursors(warehouse, ["acct_1", "acct_2"], now=STARTED.replace(tzinfo=UTC)) == {
        "acct_1": expected
    }


def test_the_latest_sync_by_stripes_clock_wins_whatever_was_loaded_last(warehouse: Path) -> None:
    run(
        warehouse,
        "insert into raw_stripe._dlt_loads values ('new', 0), ('late', 0)",
        sync("acct_1", 2_000, datetime(2026, 11, 20, 13), "new"),
        sync("acct_1", 1_000, datetime(2026, 11, 20, 12), "late"),
    )
    assert read_cursors(warehouse, ["acct_1"])["acct_1"].events_cursor == 2_000


def test_it_knows_recent_events_and_sizes_but_not_those_of_unfinished_loads(
    warehouse: Path,
) -> None:
    cursor = int(STARTED.replace(tzinfo=UTC).timestamp()) - 60
    run(
        warehouse,
        "insert into raw_stripe._dlt_loads values ('load1', 0)",
        sync("acct_1", cursor, STARTED, "load1"),
        object_row("events", "evt_recent", "2026-11-20 11:55:00", "load1"),
        object_row("events", "evt_old", "2026-11-20 10:00:00", "load1"),
        object_row("events", "evt_unfinished", "2026-11-20 11:56:00", "load2"),
        object_row("customers", "cus_1", "2026-11-20 10:00:00", "load1"),
        object_row("customers", "cus_1", "2026-11-20 11:00:00", "load1"),
    )
    found = read_cursors(warehouse, ["acct_1"], now=STARTED.replace(tzinfo=UTC))["acct_1"]
    assert found.seen_events == {"evt_recent"}
    assert found.sizes == {"customers": 1}
    assert found.known == {}


def test_an_old_cursor_knows_what_must_be_looked_at(warehouse: Path) -> None:
    run(
        warehouse,
        "insert into raw_stripe._dlt_loads values ('load1', 0)",
        sync("acct_1", int(STARTED.replace(tzinfo=UTC).timestamp()), STARTED, "load1"),
        object_row("customers", "cus_1", "2026-11-01", "load1"),
        object_row("invoices", "in_open", "2026-11-01", "load1", status="open"),
        object_row("invoices", "in_paid", "2026-11-01", "load1", status="open"),
        object_row("invoices", "in_paid", "2026-11-02", "load1", status="paid"),
        object_row("charges", "ch_pending", "2026-11-01", "load1", status="pending"),
        object_row("charges", "ch_done", "2026-11-01", "load1", status="succeeded"),
        object_row("disputes", "du_open", "2026-11-01", "load1", status="needs_response"),
        object_row("disputes", "du_won", "2026-11-01", "load1", status="won"),
        object_row("refunds", "re_pending", "2026-11-01", "load1", status="pending"),
    )
    later = datetime(2026, 12, 20, tzinfo=UTC)
    assert read_cursors(warehouse, ["acct_1"], now=later)["acct_1"].known == {
        "customers": {"cus_1"},
        "invoices": {"in_open"},
        "charges": {"ch_pending"},
        "disputes": {"du_open"},
        "refunds": {"re_pending"},
    }
