"""The files beside the file of all accounts: who gets which rows, and what is written again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from connections.errors import SettingsError
from connections.publishing import Publish, parse_publish
from orchestration import account_files
from orchestration.copies import Copied, publish_copies
from orchestration.publish import publish_marts
from tests.orchestration.warehouses import set_clock

EVERYTHING = frozenset(Publish)


class Home:
    """A warehouse of a few accounts, and what is published of it."""

    def __init__(self, directory: Path) -> None:
        self.warehouse = directory / "warehouse.duckdb"
        self.published = directory / "published"

    def build(self, payments: Mapping[str, int], hours: Mapping[str, int]) -> None:
        """Fill the marts: each account has so many payments of 1, 2, 3 and so on."""
        set_clock(self.warehouse, hours)
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute(
                "create or replace table marts.fct_payments as select account_id,"
                " unnest(range(1, payments + 1))::decimal(18, 3) as amount"
                " from (select unnest($ids)::varchar as account_id, unnest($n) as payments)",
                {"ids": list(payments), "n": list(payments.values())},
            )
            connection.execute(
                "create or replace table marts.dim_days as select 1 as day from range(3)"
            )

    def publish(self, what: frozenset[Publish] = EVERYTHING, *, whole: bool = False) -> Copied:
        publish_marts(self.warehouse, self.published, "run")
        return publish_copies(self.published, what, whole=whole)

    def own(self, account: str) -> Path:
        return self.published / "accounts" / account

    def rows(self, account: str, table: str) -> list[tuple[object, ...]]:
        """What the account's DuckDB file and its Parquet file both say."""
        with duckdb.connect(str(self.own(account) / "marts.duckdb"), read_only=True) as own:
            rows = own.execute(f"from {table} order by all").fetchall()
        parquet = str(self.own(account) / f"{table}.parquet")
        assert duckdb.sql(f"from '{parquet}' order by all").fetchall() == rows
        return rows


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.build({"acct_A": 2, "acct_B": 3}, {"acct_A": 0, "acct_B": 0, "acct_C": 0})
    return home


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if not path.is_dir()}


def inodes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in directory.iterdir() if path.is_file()}


def test_each_account_gets_its_own_rows_alone(home: Home) -> None:
    assert home.publish() == Copied(accounts=3, marts=4, removed=0)

    for account, payments in {"acct_A": 2, "acct_B": 3, "acct_C": 0}.items():
        assert [row[0] for row in home.rows(account, "fct_payments")] == [account] * payments
        assert [row[0] for row in home.rows(account, "dim_accounts")] == [account]
        assert [row[0] for row in home.rows(account, "_published")] == [account]
        assert len(home.rows(account, "dim_days")) == 3
        others = {"acct_A", "acct_B", "acct_C"} - {account}
        content = b"".join(path.read_bytes() for path in home.own(account).glob("*.*"))
        assert not [other for other in others if other.encode() in content]
    parquet = home.published / "parquet"
    assert duckdb.sql(f"from '{parquet}/fct_payments.parquet'").fetchall() == (
        [("acct_A", 1), ("acct_A", 2), ("acct_B", 1), ("acct_B", 2), ("acct_B", 3)]
    )


def test_only_touched_accounts_are_written_again(home: Home) -> None:
    home.publish()
    before = {account: inodes(home.own(account)) for account in ("acct_A", "acct_B")}

    # Nothing has changed: not even files are made.
    assert home.publish().accounts == 0

    # A payment more of B; A was not even synced.
    home.build({"acct_A": 2, "acct_B": 4}, {"acct_A": 0, "acct_B": 1, "acct_C": 0})
    assert home.publish().accounts == 1
    assert len(home.rows("acct_B", "fct_payments")) == 4
    assert inodes(home.own("acct_A")) == before["acct_A"]
    after = inodes(home.own("acct_B"))
    same = {name for name in after if after[name] == before["acct_B"][name]}
    assert same == {"dim_days.parquet"}


def test_a_sync_that_found_nothing_moves_the_clock_alone(home: Home) -> None:
    home.publish()
    before = inodes(home.own("acct_B"))
    home.build({"acct_A": 2, "acct_B": 3}, {"acct_A": 0, "acct_B": 5, "acct_C": 0})

    assert home.publish().accounts == 1

    ((_, _, _, _, as_of, synced),) = home.rows("acct_B", "_published")
    assert f"{as_of} {synced}" == "2026-03-01 05:00:00 2026-03-01 05:00:30"
    assert len(home.rows("acct_B", "fct_payments")) == 3
    after = inodes(home.own("acct_B"))
    assert after["fct_payments.parquet"] == before["fct_payments.parquet"]


def test_a_changed_schema_or_what_belongs_to_all_writes_all(home: Home) -> None:
    home.publish()
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("insert into marts.dim_days values (2)")
    assert home.publish().accounts == 3
    assert len(home.rows("acct_C", "dim_days")) == 4

    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("alter table marts.fct_payments add column note varchar")
    assert home.publish().accounts == 3
    assert len(home.rows("acct_A", "fct_payments")[0]) == 3


def test_rows_that_change_places_between_accounts_are_seen(home: Home) -> None:
    """Equal counts and sums per mart, other owners."""
    home.publish()
    home.build({"acct_A": 3, "acct_B": 2}, {"acct_A": 0, "acct_B": 0, "acct_C": 0})

    assert home.publish().accounts == 2
    assert len(home.rows("acct_A", "fct_payments")) == 3


def test_what_is_not_there_any_more_or_not_wanted_is_removed(home: Home) -> None:
    home.publish()
    home.build({"acct_A": 2}, {"acct_A": 0})
    assert home.publish().removed == 2
    assert [path.name for path in (home.published / "accounts").iterdir()] == ["acct_A"]

    assert home.publish(frozenset({Publish.ALL, Publish.ACCOUNTS})).accounts == 1
    assert names(home.own("acct_A")) == {"marts.duckdb"}
    assert not (home.published / "parquet").exists()

    home.publish(frozenset({Publish.ALL, Publish.PARQUET}))
    assert not (home.published / "accounts").exists()
    assert (home.published / "parquet" / "fct_payments.parquet").exists()

    home.publish(frozenset({Publish.ALL}))
    assert sorted(path.name for path in home.published.iterdir()) == ["builds", "marts.duckdb"]


def test_a_lost_file_is_written_again(home: Home) -> None:
    home.publish()
    (home.own("acct_A") / "fct_payments.parquet").unlink()
    assert home.publish().accounts == 1
    assert len(home.rows("acct_A", "fct_payments")) == 2


def test_large_accounts_beside_small_ones(tmp_path: Path) -> None:
    home = Home(tmp_path)
    sizes = {"acct_big": 300_000, **{f"acct_{n}": n for n in range(30)}, "acct_bigger": 400_000}
    home.build(sizes, dict.fromkeys(sizes, 0))

    assert home.publish().accounts == 32

    for account, payments in sizes.items():
        own = home.own(account) / "marts.duckdb"
        with duckdb.connect(str(own), read_only=True) as connection:
            found = connection.execute("select count(*), sum(amount) from fct_payments").fetchone()
        assert found == (payments, payments * (payments + 1) // 2 if payments else None)


@pytest.mark.parametrize("payments", [9, 2])
def test_killed_half_way_the_next_call_ends_it(
    home: Home, monkeypatch: pytest.MonkeyPatch, payments: int
) -> None:
    """The first account's files are in place; what comes next may be what was there before."""
    home.publish()
    home.build({"acct_A": 9, "acct_B": 9}, {"acct_A": 1, "acct_B": 1, "acct_C": 1})
    publish_marts(home.warehouse, home.published, "run")
    placed = account_files.put_in_place
    calls = 0

    def killed(stage: Path, directory: Path, build: str, *, kept: timedelta) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        placed(stage, directory, build, kept=kept)

    monkeypatch.setattr(account_files, "put_in_place", killed)
    with pytest.raises(KeyboardInterrupt):
        publish_copies(home.published, EVERYTHING)
    monkeypatch.undo()
    # Whole files, of one build or the other.
    seen = {len(home.rows(account, "fct_payments")) for account in ("acct_A", "acct_B")}
    assert 9 in seen
    assert seen <= {2, 3, 9}

    changed = {"acct_A": payments, "acct_B": payments}
    home.build(changed, {"acct_A": 2, "acct_B": 2, "acct_C": 2})
    home.publish()

    for account in changed:
        assert len(home.rows(account, "fct_payments")) == payments
    assert not list(home.published.rglob("*.new"))


def test_the_setting() -> None:
    assert parse_publish(None) == EVERYTHING
    assert parse_publish("all, parquet") == {Publish.ALL, Publish.PARQUET}
    for wrong, word in (("all,csv", "csv"), ("accounts", "all"), ("all,", "''")):
        with pytest.raises(SettingsError, match=f"DASHTRAY_PUBLISH.*{word}"):
            parse_publish(wrong)
