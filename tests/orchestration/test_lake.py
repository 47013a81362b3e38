"""Work on a lake from outside dbt: several workers under kills, upkeep, the move from a file."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg2
import pytest

from connections.errors import DashtrayError
from connections.settings import Settings
from dlt_sources.stripe.lake import WRITERS, Lake
from dlt_sources.stripe.warehouse import reading, writing
from orchestration import migration
from orchestration.backup import take_backup
from orchestration.lake_upkeep import forgetting, tidy_lake
from orchestration.migration import MigrationRefused, migrate_warehouse
from orchestration.restore import restore_backup
from orchestration.warehouse import building, warehouse_of
from tests.orchestration.lake_workers import work


@pytest.mark.e2e
def test_two_workers_under_kills(lake: Lake, tmp_path: Path) -> None:
    workers, wrong = work(tmp_path, lake, seconds=15, seed=4)
    assert wrong == []
    assert sum(worker.ended["killed"] for worker in workers) > 0


def files(lake: Lake) -> set[Path]:
    return set(Path(lake.data).rglob("*.parquet"))


def test_small_files_are_merged_and_old_ones_removed(lake: Lake) -> None:
    with writing(lake) as connection:
        connection.execute("create table t as select range as i from range(100)")
        for start in range(100, 1000, 100):
            connection.execute(f"insert into t select range from range({start}, {start + 100})")
    assert len(files(lake)) == 10

    later = datetime.now(UTC) + timedelta(hours=1)
    tidied = tidy_lake(lake, later, kept=timedelta(0))

    assert tidied.merged == 10
    assert tidied.snapshots > 0
    with reading(lake) as connection:
        assert connection.execute("select count(*), sum(i) from t").fetchone() == (1000, 499500)
    tidy_lake(lake, later, kept=timedelta(0))
    assert len(files(lake)) == 1


def test_what_was_forgotten_is_in_no_file(lake: Lake) -> None:
    with writing(lake) as connection:
        connection.execute(
            "create table t as select 'acct_' || (range % 2) as account_id, range as i"
            " from range(100)"
        )
        connection.execute("insert into t values ('acct_0', -1)")
    with forgetting(lake) as connection:
        connection.execute("delete from t where account_id = 'acct_0'")
    with duckdb.connect() as connection:
        found = connection.execute(
            "select distinct account_id from read_parquet(?)", [[str(f) for f in files(lake)]]
        ).fetchall()
    assert found == [("acct_1",)]


@pytest.fixture
def home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A home with a warehouse file of two raw tables, and a lake that is still empty."""
    monkeypatch.setenv("DASHTRAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url.replace("+psycopg2", ""))
    monkeypatch.setenv("DASHTRAY_WAREHOUSE", "ducklake:postgres")
    monkeypatch.setattr(migration, "_build", lambda settings: None)
    settings = Settings.from_environment()
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute(
            "create schema raw_stripe;"
            "create table raw_stripe._dlt_loads as"
            " select '1.5' as load_id, 0::bigint as status, now() as inserted_at;"
            "create table raw_stripe.syncs as select 'acct_1' as account_id, '1.5' as _dlt_load_id;"
            "create table raw_stripe.charges as"
            " select 'acct_1' as account_id, 'ch_' || range as id,"
            " json_object('id', 'ch_' || range, 'amount', range) as object, '1.5' as _dlt_load_id"
            " from range(20000)"
        )
    yield settings


def contents(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    with reading(warehouse_of(settings)) as connection:
        return {
            name: connection.execute(f"select * from raw_stripe.{name} order by all").fetchall()
            for name in ("charges", "syncs", "_dlt_loads")
        }


def test_the_file_moves_into_the_lake(home: Settings) -> None:
    with duckdb.connect(str(home.warehouse_path), read_only=True) as connection:
        charges = connection.execute("select * from raw_stripe.charges order by all").fetchall()

    moved = migrate_warehouse()

    assert moved.tables == {"charges": 20000, "syncs": 1, "_dlt_loads": 1}
    assert moved.copied == ("charges", "syncs", "_dlt_loads")
    assert contents(home)["charges"] == charges
    assert not home.warehouse_path.exists()
    assert moved.file.exists()
    with pytest.raises(MigrationRefused, match="moved before"):
        migrate_warehouse()


KILLED = """
import os, signal, sys
from orchestration import migration
at = int(sys.argv[1])
steps = []
def die(step):
    steps.append(step)
    if len(steps) == at:
        os.kill(os.getpid(), signal.SIGKILL)
migration._build = lambda settings: None
migration.migrate_warehouse(die)
"""


@pytest.mark.parametrize("at", [1, 3])
def test_killed_and_run_again(home: Settings, at: int) -> None:
    before = home.warehouse_path.read_bytes()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(at)], env=os.environ, check=False, capture_output=True
    )
    assert killed.returncode == -9, killed.stderr
    assert home.warehouse_path.read_bytes() == before

    moved = migrate_warehouse()

    # What was whole in the lake already is not copied again.
    assert len(moved.copied) == 3 - max(0, at - 1)
    assert {name: len(rows) for name, rows in contents(home).items()} == moved.tables


def test_a_lake_with_other_data_is_refused(home: Settings) -> None:
    with writing(warehouse_of(home)) as connection:
        connection.execute(
            "create schema raw_stripe;"
            "create table raw_stripe.syncs as select 'acct_2' as account_id, '9.9' as _dlt_load_id"
        )
    with pytest.raises(MigrationRefused, match="1 syncs"):
        migrate_warehouse()
    assert home.warehouse_path.exists()
    with reading(warehouse_of(home)) as connection:
        assert connection.execute("select account_id from raw_stripe.syncs").fetchall() == [
            ("acct_2",)
        ]


def test_without_a_lake_or_a_file_nothing_is_moved(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.warehouse_path.unlink()
    with pytest.raises(MigrationRefused, match="nothing to move"):
        migrate_warehouse()
    monkeypatch.delenv("DASHTRAY_WAREHOUSE")
    with pytest.raises(MigrationRefused, match="names no lake"):
        migrate_warehouse()


def test_what_only_a_file_can_do_is_refused(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(DashtrayError, match="pg_dump"):
        take_backup(tmp_path / "backup.tar")
    with pytest.raises(DashtrayError, match="pg_restore"):
        restore_backup(tmp_path / "backup.tar")


HOLDER = """
import sys
from connections.settings import Settings
from orchestration.warehouse import building
with building(Settings.from_environment()):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_one_builds_at_a_time_from_whatever_home(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine has another home, and so another lock file, but the same catalogue."""
    elsewhere = {**os.environ, "DASHTRAY_HOME": str(tmp_path / "other")}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=elsewhere,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        assert other.stdout.readline() == "held\n"
        said: list[str] = []

        def let_go(sentence: str) -> None:
            said.append(sentence)
            assert other.stdin is not None
            other.stdin.write("\n")
            other.stdin.flush()

        with building(home, let_go):
            assert said == ["Waiting for the lake: another process builds."]


def may_write(lake: Lake, *, alone: bool) -> bool:
    """Whether the lock of the lake's writers would be given now."""
    lock = "pg_try_advisory_lock" if alone else "pg_try_advisory_lock_shared"
    with closing(psycopg2.connect(lake.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(f"select {lock}(%s)", [WRITERS])
        row = cursor.fetchone()
    return bool(row and row[0])


def test_writers_work_side_by_side_and_upkeep_alone(lake: Lake) -> None:
    with writing(lake):
        assert may_write(lake, alone=False)
        assert not may_write(lake, alone=True)
    with forgetting(lake):
        assert not may_write(lake, alone=False)
    assert may_write(lake, alone=True)
