"""Publishing the file of all accounts, with real DuckDB files."""

import errno
import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from connections.publishing import Publish
from connections.settings import Settings
from orchestration.copies import publish_everything
from orchestration.old_files import remove_leftovers
from orchestration.publish import PublishedTable, publish_marts
from tests.orchestration.warehouses import set_clock

#: The storage version that DuckDB 0.9 to 1.1 write, in the file's main header
#: (https://duckdb.org/docs/internals/storage).
OLDEST_SUPPORTED_STORAGE = 64


def make_warehouse(path: Path, total: int) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(
            "create or replace table marts.numbers as select * from range(?) t(n)", [total]
        )
        connection.execute("create schema if not exists staging")
        connection.execute("create or replace table staging.secret as select 1 as n")
    set_clock(path, {"acct_1": 0})


def read_total(marts: Path) -> int:
    with duckdb.connect(str(marts), read_only=True) as connection:
        row = connection.execute("select count(*) from numbers").fetchone()
        assert row is not None
        return int(row[0])


def test_the_published_file_holds_the_marts_and_nothing_else(tmp_path: Path) -> None:
    make_warehouse(tmp_path / "warehouse.duckdb", 7)

    tables = publish_marts(tmp_path / "warehouse.duckdb", tmp_path / "published", "run-1")

    assert tables == [PublishedTable("dim_accounts", 1), PublishedTable("numbers", 7)]
    with duckdb.connect(str(tmp_path / "published" / "marts.duckdb"), read_only=True) as connection:
        names = connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
        run = connection.execute("select account_id, run_id from _published").fetchall()
        times = connection.execute("select as_of, last_synced_at from _published").fetchone()
        types = connection.execute(
            "select data_type from duckdb_columns() where not internal"
        ).fetchall()
    assert names == [("_published",), ("dim_accounts",), ("numbers",)]
    assert run == [("acct_1", "run-1")]
    # By Stripe's clock, and by ours.
    assert times == (datetime(2026, 3, 1), datetime(2026, 3, 1, 0, 0, 30))
    # A driver in Python needs another package to read a time with a zone.
    assert ("TIMESTAMP WITH TIME ZONE",) not in types


def test_rows_lie_as_pages_read_them_by_account_and_the_newest_day_first(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    make_warehouse(warehouse, 1)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "create table marts.facts as select 'acct_' || n % 3 as account_id,"
            " date '2026-01-01' + (n * 7 % 20)::int as day from range(60) as r(n)"
        )

    publish_marts(warehouse, tmp_path / "published", "run-1")

    with duckdb.connect(str(tmp_path / "published" / "marts.duckdb"), read_only=True) as connection:
        rows = connection.execute("select account_id, -epoch(day) from facts").fetchall()
    assert rows == sorted(rows)
    assert not list((tmp_path / "published").glob("builds/*/spilled*"))


def test_old_drivers_can_open_it(tmp_path: Path) -> None:
    make_warehouse(tmp_path / "warehouse.duckdb", 1)
    publish_marts(tmp_path / "warehouse.duckdb", tmp_path / "published", "run-1")

    header = (tmp_path / "published" / "marts.duckdb").read_bytes()[:32]

    assert header[8:12] == b"DUCK"
    assert struct.unpack_from("<Q", header, 12)[0] == OLDEST_SUPPORTED_STORAGE


def test_an_open_reader_keeps_its_build_and_a_new_one_sees_the_next(tmp_path: Path) -> None:
    warehouse, published = tmp_path / "warehouse.duckdb", tmp_path / "published"
    make_warehouse(warehouse, 1)
    publish_marts(warehouse, published, "run-1")

    with duckdb.connect(str(published / "marts.duckdb"), read_only=True) as reader:
        assert reader.execute("select count(*) from numbers").fetchone() == (1,)
        make_warehouse(warehouse, 2)
        publish_marts(warehouse, published, "run-2")
        assert reader.execute("select count(*) from numbers").fetchone() == (1,)

    assert read_total(published / "marts.duckdb") == 2


def test_a_failed_publish_leaves_the_former_file(tmp_path: Path) -> None:
    warehouse, published = tmp_path / "warehouse.duckdb", tmp_path / "published"
    make_warehouse(warehouse, 3)
    publish_marts(warehouse, published, "run-1")

    with duckdb.connect(str(warehouse)) as connection:
        # Fails in the middle of the copy, after `numbers` has been written aside.
        connection.execute("create view marts.zz_broken as select 1 as n")
        connection.execute("create table marts.zz_base as select 1 as n")
        connection.execute("create or replace view marts.zz_broken as from marts.zz_base")
        connection.execute("drop table marts.zz_base")
    with pytest.raises(duckdb.Error):
        publish_marts(warehouse, published, "run-2")

    assert read_total(published / "marts.duckdb") == 3


def test_what_a_killed_publish_left_aside_is_written_over(tmp_path: Path) -> None:
    warehouse, published = tmp_path / "warehouse.duckdb", tmp_path / "published"
    make_warehouse(warehouse, 4)
    (published / "builds" / ".20260101T000000.000000Z.new").mkdir(parents=True)
    (published / "builds" / ".20260101T000000.000000Z.new" / "marts.duckdb").write_bytes(b"half")
    (published / ".marts.duckdb.new").write_bytes(b"half a file")

    publish_marts(warehouse, published, "run-1")

    assert read_total(published / "marts.duckdb") == 4
    assert sorted(path.name for path in published.iterdir()) == ["builds", "marts.duckdb"]
    assert len(list((published / "builds").iterdir())) == 1


def test_former_files_stay_a_while_under_a_name_of_their_own(tmp_path: Path) -> None:
    warehouse, published = tmp_path / "warehouse.duckdb", tmp_path / "published"
    for total in (1, 2, 3):
        make_warehouse(warehouse, total)
        publish_marts(warehouse, published, f"run-{total}")

    builds = sorted((published / "builds").iterdir())
    assert [read_total(build / "marts.duckdb") for build in builds] == [1, 2, 3]
    # The newest is the same file, not a copy.
    assert (builds[-1] / "marts.duckdb").samefile(published / "marts.duckdb")

    make_warehouse(warehouse, 4)
    publish_marts(warehouse, published, "run-4", kept=timedelta(0))
    assert [read_total(b / "marts.duckdb") for b in (published / "builds").iterdir()] == [4]


def test_housekeeping_lets_superseded_builds_go_and_the_newest_stays(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    make_warehouse(settings.warehouse_path, 3)
    for run in ("run-1", "run-2"):
        publish_everything(settings.warehouse_path, settings.published_dir, run, frozenset(Publish))
    sets = [settings.published_dir / name for name in (".", "parquet", "accounts/acct_1")]

    remove_leftovers(settings, before=datetime.now(UTC) - timedelta(days=1))
    assert [len(list((each / "builds").iterdir())) for each in sets] == [2, 2, 2]

    remove_leftovers(settings, before=datetime.now(UTC))
    assert [len(list((each / "builds").iterdir())) for each in sets] == [1, 1, 1]
    assert read_total(settings.published_dir / "marts.duckdb") == 3
    assert read_total(settings.published_dir / "accounts" / "acct_1" / "marts.duckdb") == 3


def test_without_hard_links_files_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    for total in (1, 2):
        make_warehouse(tmp_path / "warehouse.duckdb", total)
        publish_marts(tmp_path / "warehouse.duckdb", tmp_path / "published", "run")

    assert read_total(tmp_path / "published" / "marts.duckdb") == 2
