"""What is old goes, what is needed stays, and the disk's use stays bounded."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetKey,
    DagsterInstance,
    DailyPartitionsDefinition,
    MaterializeResult,
    asset,
    materialize,
)
from sqlalchemy import text
from sqlalchemy.engine import Engine

from connections.disk import size_of
from connections.errors import SettingsError
from connections.forgetting import forget_history
from connections.models import RequestKind, RequestStatus, SyncOutcome, SyncRequest, SyncRun
from connections.retention import RETENTIONS, RUNS
from connections.rows import transaction
from connections.settings import Settings
from console.dagster_home import dagster_environment
from dlt_sources.stripe.runs import RunDirectory
from orchestration.old_files import (
    remove_leftovers,
    remove_logs,
    remove_spills,
    shorten_server_log,
)
from orchestration.old_runs import delete_old_check_results, delete_old_runs
from orchestration.tidy_warehouse import NEWEST_ONLY, blocks, forget_superseded, give_back_blocks
from tests.connections.conftest import NOW
from tests.connections.conftest import add_account as add_account

DAY = timedelta(days=1)
DBT_MODELS = Path(__file__).parents[2] / "dbt_project" / "models"


def test_retentions_are_read_from_their_settings() -> None:
    assert RUNS.kept({}) == timedelta(days=30)
    assert RUNS.kept({RUNS.setting: "7"}) == timedelta(days=7)
    for retention in RETENTIONS:
        with pytest.raises(SettingsError, match=retention.setting):
            retention.kept({retention.setting: "-1"})


def test_the_docs_table_says_what_the_code_does() -> None:
    page = (DBT_MODELS.parents[1] / "docs" / "operating.md").read_text()
    for retention in RETENTIONS:
        unit = "day" if retention.days == 1 else "days"
        assert f"| {retention.days} {unit} | `{retention.setting}` |" in page


def test_only_streams_of_which_the_newest_is_read_lose_readings() -> None:
    for stream in NEWEST_ONLY:
        model = (DBT_MODELS / "staging" / f"stg_stripe__{stream}.sql").read_text()
        assert "newest_landed('landed')" in model, stream
    readers = [
        path
        for path in DBT_MODELS.rglob("*.sql")
        for stream in NEWEST_ONLY
        if f"landed('{stream}')" in path.read_text()
        or f"source('raw_stripe', '{stream}')" in path.read_text()
    ]
    assert {path.stem for path in readers} == {f"stg_stripe__{stream}" for stream in NEWEST_ONLY}


@pytest.mark.e2e
def test_history_goes_but_not_the_open_nor_the_last(
    engine: Engine, add_account: Callable[..., str]
) -> None:
    account = add_account()
    with transaction(engine) as session:
        for days, status in ((200, "done"), (200, "queued"), (1, "done")):
            session.add(
                SyncRequest(
                    account_id=account,
                    kind=RequestKind.MANUAL,
                    status=RequestStatus(status),
                    requested_at=NOW - days * DAY,
                    not_before=NOW,
                )
            )
        for days in (300, 200):
            session.add(
                SyncRun(
                    run_id=f"run-{days}",
                    account_id=account,
                    kind=RequestKind.TICK,
                    owner="",
                    started_at=NOW - days * DAY,
                    finished_at=NOW - days * DAY,
                    outcome=SyncOutcome.OK,
                )
            )

    forgotten = forget_history(engine, before=NOW - 90 * DAY)

    assert forgotten == {
        "sync_requests": 1,
        "sync_runs": 1,
        "verifications": 0,
        "oauth_states": 0,
    }
    with engine.connect() as connection:
        left = connection.execute(text("select run_id from connections.sync_runs")).scalars().all()
        statuses = connection.execute(
            text("select status from connections.sync_requests order by 1")
        )
        assert left == ["run-200"]
        assert statuses.scalars().all() == ["done", "queued"]


@pytest.fixture
def instance(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterInstance]:
    settings = Settings(home=tmp_path)
    for name, value in dagster_environment(settings, database_url).items():
        monkeypatch.setenv(name, value)
    with DagsterInstance.get() as instance:
        yield instance


@asset(
    partitions_def=DailyPartitionsDefinition(start_date="2026-01-01"),
    check_specs=[AssetCheckSpec("good", asset="days")],
)
def days():
    return MaterializeResult(check_results=[AssetCheckResult(check_name="good", passed=True)])


@pytest.mark.e2e
def test_old_runs_go_and_what_the_ui_shows_of_assets_stays(instance: DagsterInstance) -> None:
    runs = [
        materialize([days], partition_key=day, instance=instance).run_id
        for day in ("2026-01-01", "2026-03-01", "2026-03-01")
    ]
    key = AssetKey("days")
    later = datetime.now(UTC) + DAY

    assert delete_old_runs(instance, before=later - 2 * DAY, marks=later) == []
    deleted = delete_old_runs(instance, before=later, marks=datetime(2026, 1, 1, tzinfo=UTC))
    results = delete_old_check_results(instance, before=later)

    assert deleted == [runs[1]]
    assert results == 5
    assert instance.get_materialized_partitions(key) == {"2026-01-01", "2026-03-01"}
    check = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [spec.key for spec in days.check_specs]
    )
    assert [record.run_id for record in check.values()] == [runs[2]]

    # Days older than the marks are let go of, so that their number is bounded too.
    delete_old_runs(instance, before=later, marks=datetime(2026, 2, 1, tzinfo=UTC))
    assert {run.run_id for run in instance.get_runs()} == {runs[2]}
    assert instance.get_materialized_partitions(key) == {"2026-03-01"}
    latest = instance.get_latest_materialization_event(key)
    assert latest is not None
    assert latest.run_id == runs[2]


def leave(path: Path, moment: datetime, size: int = 1000) -> None:
    """A file of an age, in a directory of that age."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    for each in (path, path.parent):
        os.utime(each, (moment.timestamp(), moment.timestamp()))


def test_what_is_left_behind_every_day_does_not_pile_up(settings: Settings) -> None:
    sizes = []
    settings.postgres_dir.mkdir()
    for day in range(120):
        now = NOW + day * DAY
        name = f"run-{day}"
        leave(settings.runs_dir / name / "rows", now)
        leave(settings.runs_dir / f".new-{name}" / "lock", now)
        leave(settings.logs_dir / "runs" / f"{name}.json", now)
        leave(settings.logs_dir / "compute" / name / "out", now)
        leave(settings.home / "dbt" / "runs" / name / "model.sql", now)
        leave(settings.published_dir / "accounts" / "acct_1" / f".{name}.new", now)
        leave(settings.home / "warehouse.duckdb.tmp" / name, now)
        with (settings.postgres_dir / "server.log").open("ab") as log:
            log.write(b"a line of the server\n" * 50_000)
        remove_leftovers(settings, before=now - DAY)
        remove_logs(settings, before=now - 30 * DAY)
        remove_spills(settings)
        shorten_server_log(settings)
        sizes.append(size_of(settings.home))
    assert max(sizes[60:]) <= max(sizes[:60])
    assert sizes[-1] < 30 * 2**20


def test_whole_packages_and_those_being_worked_on_stay(settings: Settings) -> None:
    old = NOW - 9 * DAY
    for name in ("whole", "busy", "dead"):
        leave(settings.runs_dir / name / "rows", old)
    RunDirectory(settings.runs_dir / "whole").mark_complete({})
    os.utime(settings.runs_dir / "whole", (old.timestamp(), old.timestamp()))
    with RunDirectory(settings.runs_dir / "busy").locked():
        os.utime(settings.runs_dir / "busy", (old.timestamp(), old.timestamp()))
        remove_leftovers(settings, before=NOW)
    assert {path.name for path in settings.runs_dir.iterdir()} == {"whole", "busy"}


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """Raw tables as dlt makes them, with a view and a staging table over them."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw_stripe; create schema staging")
        connection.execute("create table raw_stripe._dlt_loads (load_id varchar, status bigint)")
        for table in ("charges", "subscriptions"):
            connection.execute(
                f"create table raw_stripe.{table} (account_id varchar not null,"
                " id varchar not null, read_at timestamp, read_order bigint, deleted boolean,"
                " object json, _dlt_load_id varchar not null)"
            )
        connection.execute("create table staging.stg as select 1 as one")
        connection.execute(
            "create view staging.newest as select * from warehouse.raw_stripe.charges"
        )
    return path


def land(path: Path, load: str, rows: list[tuple[str, datetime, bool]], status: int = 0) -> None:
    """Land readings of charges and subscriptions: id, read at, deleted."""
    noise = random.Random(load).randbytes(2000).hex()
    with duckdb.connect(str(path)) as connection:
        connection.execute("insert into raw_stripe._dlt_loads values (?, ?)", [load, status])
        for table in ("charges", "subscriptions"):
            connection.executemany(
                f"insert into raw_stripe.{table} values ('acct_1', ?, ?, 1, ?, ?, ?)",
                [
                    [each, read_at.replace(tzinfo=None), deleted, f'{{"noise": "{noise}"}}', load]
                    for each, read_at, deleted in rows
                ],
            )


def readings(path: Path, table: str = "charges") -> list[tuple[str, str, bool]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(
            f"select id, _dlt_load_id, deleted from raw_stripe.{table} order by all"
        ).fetchall()


def test_superseded_readings_go_and_the_newest_whole_one_stays(warehouse: Path) -> None:
    land(warehouse, "1", [("old", NOW - 90 * DAY, False), ("both", NOW - 90 * DAY, False)])
    land(warehouse, "2", [("both", NOW - 60 * DAY, False), ("gone", NOW - 60 * DAY, False)])
    land(warehouse, "3", [("both", NOW - 50 * DAY, False), ("gone", NOW - 50 * DAY, True)])
    land(warehouse, "4", [("both", NOW - 2 * DAY, False)])
    land(warehouse, "5", [("old", NOW - DAY, False)], status=1)  # a load that was cut off
    before = readings(warehouse, "subscriptions")

    deleted = forget_superseded(warehouse, before=NOW - 30 * DAY)

    assert deleted == {"charges": 3}
    assert readings(warehouse) == [
        ("both", "4", False),
        ("gone", "2", False),
        ("gone", "3", True),
        ("old", "1", False),
        ("old", "5", False),
    ]
    assert readings(warehouse, "subscriptions") == before
    assert forget_superseded(warehouse, before=NOW - 30 * DAY) == {"charges": 0}


def test_the_file_does_not_grow_with_readings_that_are_superseded(warehouse: Path) -> None:
    sizes = []
    for day in range(24):
        now = NOW + day * DAY
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("insert into raw_stripe._dlt_loads values (?, 0)", [f"load-{day}"])
            connection.execute(
                "insert into raw_stripe.charges select 'acct_1', 'ch_' || range, ?::timestamp, 1,"
                " false, to_json(md5(range::varchar || ?) || repeat(uuid()::varchar, 20)), ?"
                " from range(2000)",
                [now.replace(tzinfo=None), f"{day}", f"load-{day}"],
            )
        forget_superseded(warehouse, before=now - 3 * DAY)
        give_back_blocks(warehouse, free_bytes=2**20)
        sizes.append(warehouse.stat().st_size)
    assert len(readings(warehouse)) == 2000 * 4
    assert max(sizes[12:]) <= 1.1 * max(sizes[:12])
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert connection.sql("select count(*) from staging.newest").fetchone() == (8_000,)
        assert connection.sql("from staging.stg").fetchall() == [(1,)]
        nullable = connection.sql(
            "select column_name from duckdb_columns()"
            " where table_name = 'charges' and not is_nullable order by 1"
        ).fetchall()
    assert nullable == [("_dlt_load_id",), ("account_id",), ("id",)]


def test_unused_blocks_are_given_back(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "create table staging.large as select uuid()::varchar as u from range(400000)"
        )
        # At the file's end, or DuckDB would cut the free blocks off by itself.
        connection.execute("create table staging.last as select uuid() as u from range(100000)")
        connection.execute("checkpoint")
        connection.execute("drop table staging.large")
    before = blocks(warehouse)
    assert before.free > before.total / 2

    assert give_back_blocks(warehouse, free_bytes=2**40) == 0
    freed = give_back_blocks(warehouse, free_bytes=2**20)

    assert freed > before.total / 2
    assert give_back_blocks(warehouse, free_bytes=2**20) == 0
