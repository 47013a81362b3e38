"""Building again what changed gives what building everything gives."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from stripe_simulator.ledger import default_history_start
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import build_world
from tests.dbt_project.building import dbt, rows
from tests.dbt_project.landing import Load, land
from tests.dbt_project.plans import quadratic_joins
from tests.dbt_project.proving import NOW, START
from tests.dbt_project.worlds import DAY, Reader

pytestmark = pytest.mark.e2e

# Joins of all pairs of rows, of the first build and of the one for the touched alone.
PLANS: list[dict[str, list[str]]] = []
TOUCHED = "select account_id, subscription_id from intermediate.int_subscriptions_touched"


def differences(one: Path, other: Path) -> dict[str, int]:
    """Rows of each intermediate table and mart that only one of two warehouses has."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as one (read_only); attach '{other}' as other")
        tables = connection.execute(
            """select schema_name || '.' || table_name from duckdb_tables()
            where database_name = 'one' and schema_name in ('intermediate', 'marts')
            and table_name not like 'int_%_touched' and table_name not in
            ('built_with', 'build_number', 'staged_whole', 'facts_done', 'clocks_done',
            'payments_left')"""
        ).fetchall()
        assert len(tables) > 30
        found = {}
        for (table,) in tables:
            # When something was built is no result.
            rows_of = "select columns(name -> name != 'build') from {}." + table
            this, that = rows_of.format("one"), rows_of.format("other")
            query = f"""select count(*) from (
                ({this} except all {that}) union all ({that} except all {this}))"""
            [(count,)] = connection.execute(query).fetchall()
            if count:
                found[table] = count
        return found


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three accounts, imported and then synced a day later, each time built."""
    file = tmp_path_factory.mktemp("touched") / "warehouse.duckdb"
    for_days = (0, 1)
    store = ObjectStore()
    world = build_world("many-accounts", 5, START, NOW, store)
    readers = [
        Reader(world, store, account.id, default_history_start(NOW))
        for account in world.accounts[:3]
    ]
    for days in for_days:
        world.advance(world.now + days * DAY)
        with duckdb.connect(str(file)) as connection:
            for reader in readers:
                land(connection, reader.load())
        dbt(file, "build")
        PLANS.append(quadratic_joins(file))
    return file


def copied(warehouse: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(warehouse, folder / warehouse.name))


def test_nothing_is_compared_with_everything(warehouse: Path) -> None:
    """The work grows as the data do, not with their square."""
    assert warehouse.exists()
    assert PLANS == [{}, {}]


def test_a_day_touches_few(warehouse: Path) -> None:
    touched = len(rows(warehouse, TOUCHED))
    subscriptions = len(rows(warehouse, "select 1 from staging.stg_stripe__subscriptions"))
    assert 0 < touched < subscriptions / 2


def test_a_price_touches_whoever_pays_it(warehouse: Path, tmp_path: Path) -> None:
    """And a sync alone, nobody; after three such builds all is as if built at once."""
    changed = copied(warehouse, tmp_path / "changed")
    before = rows(changed, "select account_id, subscription_id, mrr from marts.fct_subscriptions")
    [used] = rows(
        changed,
        """select account_id, price_id, list(distinct subscription_id) as subscriptions
        from intermediate.int_subscription_items_priced
        where has_mrr and valid_to is null and amount_numerator > 0
        group by all order by len(subscriptions), price_id limit 1""",
    )
    [listed] = rows(
        changed,
        """select object from raw_stripe.prices where account_id = ? and id = ?
        order by read_at desc limit 1""",
        [used["account_id"], used["price_id"]],
    )
    price = json.loads(listed["object"])
    doubled = price | {"unit_amount_decimal": str(2 * Decimal(price["unit_amount_decimal"]))}
    for objects, expected in (({}, []), ({"prices": [doubled]}, used["subscriptions"])):
        [last] = rows(changed, "select max(started_at) as at from staging.stg_stripe__syncs")
        at = int(last["at"].replace(tzinfo=dt.UTC).timestamp()) + 3600
        with duckdb.connect(str(changed)) as connection:
            land(connection, Load(used["account_id"], at, objects, mode="incremental"))
        dbt(changed, "run")
        touched = rows(changed, TOUCHED)
        assert {row["subscription_id"] for row in touched} >= set(expected)
        assert touched == [] or expected
    whole = copied(changed, tmp_path / "whole")
    dbt(whole, "run", "--full-refresh")

    after = rows(changed, "select account_id, subscription_id, mrr from marts.fct_subscriptions")
    assert {tuple(row.values()) for row in after} != {tuple(row.values()) for row in before}
    assert differences(changed, whole) == {}


def test_another_version_of_the_project_builds_all_anew(warehouse: Path, tmp_path: Path) -> None:
    """Its staging may have columns that the tables of the former version lack."""
    old = copied(warehouse, tmp_path / "old")
    with duckdb.connect(str(old)) as connection:
        connection.execute("alter table staging.stg_stripe__charges drop column country")
        connection.execute("update intermediate.built_with set code = 'of a former version'")

    dbt(old, "run")

    assert differences(old, warehouse) == {}
    charges = "select * exclude (staged_in) from staging.stg_stripe__charges order by all"
    assert rows(old, charges) == rows(warehouse, charges)
    assert rows(old, "select 1 from intermediate.built_with where code like 'of a%'") == []
