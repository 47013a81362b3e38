"""The warehouse's current objects are the simulator's, object for object."""

import pytest

from tests.dlt_sources.rig import Rig

pytestmark = pytest.mark.e2e


def test_first_import_then_changes_then_nothing(rig: Rig) -> None:
    extraction, report = rig.sync()
    assert {outcome.status for outcome in extraction.outcomes.values()} == {"ok"}
    assert rig.differences() == []
    assert report.rows == rig.rows(), "the report counts what the warehouse holds"

    rig.simulator.requests()
    before = rig.rows()
    extraction, _ = rig.sync()
    assert rig.simulator.requests() == {"GET /v1/events": 1}
    assert rig.rows() == {**before, "syncs": before["syncs"] + 1}

    for days in (0.01, 1, 3):
        rig.simulator.advance(days=days)
        extraction, _ = rig.sync()
        assert extraction.outcomes[rig.account_ids[0]].mode == "incremental"
        assert rig.differences() == []


def test_gap_of_forty_days_is_recovered(rig: Rig) -> None:
    rig.sync()
    rig.simulator.advance(days=40)
    extraction, _ = rig.sync()
    assert extraction.outcomes[rig.account_ids[0]].gap_recovered
    said = rig.query("select gap_recovered from raw_stripe.syncs order by started_at")
    assert said == [(False,), (True,)]
    assert rig.differences() == []


def test_now_and_cursor_are_stripes_time(rig: Rig) -> None:
    rig.sync()
    now = rig.simulator.control("health")["now"]
    assert rig.query(
        "select epoch(started_at)::bigint, events_cursor, mode, epoch(history_start)::bigint"
        " from raw_stripe.syncs"
    ) == [(now, now - 60, "first_import", now // 86_400 * 86_400 - 90 * 86_400)]
    assert rig.query("select max(read_at) = min(read_at) from raw_stripe.charges") == [(True,)]


def test_every_table_exists_with_its_types(rig: Rig) -> None:
    rig.sync()
    types = rig.query(
        "select distinct column_name, data_type from information_schema.columns"
        " where table_schema = 'raw_stripe' and table_name in (from (values ('coupons'),"
        " ('disputes'), ('events'))) order by all"
    )
    assert types == [
        ("_dlt_load_id", "VARCHAR"),
        ("account_id", "VARCHAR"),
        ("created", "TIMESTAMP"),
        ("deleted", "BOOLEAN"),
        ("id", "VARCHAR"),
        ("object", "JSON"),
        ("read_at", "TIMESTAMP"),
        ("read_order", "BIGINT"),
    ]


def test_a_warehouse_restored_from_yesterday_goes_on_from_yesterday(rig: Rig) -> None:
    rig.lake = None  # a file is what can be copied
    rig.sync()
    backup = rig.warehouse.read_bytes()
    rig.simulator.advance(days=1)
    rig.sync()
    rig.warehouse.write_bytes(backup)
    rig.simulator.advance(days=1)
    rig.sync()
    assert rig.differences() == []
