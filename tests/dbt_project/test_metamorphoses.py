"""What must not change a number, and what must change it in a known way (`docs/metrics.md` §0).

One warehouse holds ten simulated accounts and copies of one of them, each changed in one respect.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import duckdb
import orjson
import pytest

from stripe_simulator.ledger import default_history_start
from tests.dbt_project.building import dbt, rows
from tests.dbt_project.comparing import compare
from tests.dbt_project.landing import Load, land
from tests.dbt_project.objects import NOW as CASE_NOW
from tests.dbt_project.objects import (
    Object,
    account,
    ago,
    coupon,
    customer,
    discount,
    price,
    subscription,
)
from tests.dbt_project.proving import NOW, Walk
from tests.dbt_project.worlds import DAY
from tests.dbt_project.worlds_drawn import Chosen
from tests.oracle.days import Oracle

pytestmark = pytest.mark.e2e

STEPS = (0, 9 * DAY)
FLOWS = (
    "gross_revenue",
    "refunds",
    "disputes",
    "net_revenue",
    "invoiced_revenue",
    "failed_amount",
    "failed_payments",
    "failed_payments_unrecovered",
    "transaction_count",
    "succeeded_payments",
    "pending_payments",
)
FAR_EAST = "Pacific/Kiritimati"


class Together:
    """The warehouse, and the loads of each account in it."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = folder / "warehouse.duckdb"
        walk = Walk(Chosen("many-accounts 10", 7), default_history_start(NOW))
        with duckdb.connect(str(self.warehouse)) as connection:
            for step in STEPS:
                walk.read(connection, step)
            self.loads = dict(walk.loads)
            self.accounts = list(walk.loads)
            self.first = self.accounts[0]
            self._land_copies(connection)
            for name in ("acct_whole", "acct_split"):
                self.loads[name] = [Load(name, CASE_NOW, _seats(name))]
                land(connection, self.loads[name][0])
        dbt(self.warehouse, "run")

    def _land_copies(self, connection: duckdb.DuckDBPyConnection) -> None:
        loads = self.loads[self.first]
        chance = Random(1)
        copies = {
            "acct_twice": [
                replace(load, load_id=f"{load.read_at}.{time}")
                for load in loads
                for time in ("once", "twice")
            ],
            # The later load first, and in each the objects in any order.
            "acct_shuffled": [_shuffled(load, chance) for load in reversed(loads)],
            "acct_far_east": [replace(load, reporting_timezone=FAR_EAST) for load in loads],
        }
        for name, copied in copies.items():
            self.loads[name] = [_renamed(load, name) for load in copied]
            for load in self.loads[name]:
                land(connection, load)

    def marts(self, account_id: str, warehouse: Path | None = None) -> dict[str, str]:
        """Return every row of an account, as text, by mart."""
        with duckdb.connect(str(warehouse or self.warehouse), read_only=True) as connection:
            names = connection.execute(
                """select table_name from duckdb_columns() where schema_name = 'marts'
                and column_name = 'account_id' order by table_name"""
            ).fetchall()
            return {
                name: "\n".join(
                    sorted(
                        repr(row).replace(account_id, "acct")
                        for row in connection.execute(
                            f"select * from marts.{name} where account_id = ?", [account_id]
                        ).fetchall()
                    )
                )
                for (name,) in names
            }


def _renamed(load: Load, account_id: str) -> Load:
    text = orjson.dumps({stream: list(objects) for stream, objects in load.objects.items()})
    objects = orjson.loads(text.replace(load.account_id.encode(), account_id.encode()))
    load_id = f"{load.load_id or load.read_at}.{account_id}"
    return replace(load, account_id=account_id, objects=objects, load_id=load_id)


def _shuffled(load: Load, chance: Random) -> Load:
    objects = {stream: list(found) for stream, found in load.objects.items()}
    for found in objects.values():
        chance.shuffle(found)
    return replace(load, objects=objects)


def _seats(account_id: str) -> dict[str, list[Object]]:
    """Return subscriptions of several seats, in one item each or in two."""
    split = account_id == "acct_split"
    tenth = coupon(10)
    made, prices = [], []
    for number, (amount, interval, count, seats) in enumerate(
        [("1000", "month", 1, 7), ("120000", "year", 1, 2), ("3000", "month", 3, 12)]
    ):
        of = price(amount, interval, count)
        prices.append(of)
        parts = [(of, 1), (of, seats - 1)] if split else [(of, seats)]
        who = f"cus_{number}"
        held = (discount(tenth, ago(60), who),) if number else ()
        made.append(subscription(*parts, customer_id=who, discounts=held))
    return {
        "accounts": [account(account_id)],
        "subscriptions": made,
        "prices": prices,
        "coupons": [tenth],
        "customers": [customer(f"cus_{number}") for number in range(3)],
    }


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    """Everything, built once."""
    yield Together(tmp_path_factory.mktemp("together"))


@pytest.mark.parametrize("copy", ["acct_twice", "acct_shuffled"])
def test_a_copy_is_like_the_original(copy: str, together: Together) -> None:
    """Loaded twice, or in any order, under the same ids as another account: the same marts."""
    own, copied = together.marts(together.first), together.marts(copy)
    assert len(own) >= 14
    assert sum(bool(text) for text in own.values()) >= 12
    for mart, text in own.items():
        assert copied[mart] == text, mart


def test_seats_in_two_items_are_the_same_mrr(together: Together) -> None:
    """Each MRR of each day, and its movements."""
    whole, split = (
        rows(
            together.warehouse,
            """select columns('^(day|arr|arpu|ltv|mrr.*)$') from marts.metrics_daily
            where account_id = ? order by day""",
            [name],
        )
        for name in ("acct_whole", "acct_split")
    )
    assert whole[-1]["mrr"] == 70 + 180 + 108
    assert split == whole


def test_another_time_zone_moves_flows_between_days(together: Together) -> None:
    """The same sums in all, other days, and closings at the other midnight."""
    sums = {}
    for name in (together.first, "acct_far_east"):
        columns = ", ".join(f"sum({flow}) as {flow}" for flow in FLOWS)
        sums[name] = rows(
            together.warehouse,
            f"select currency, {columns} from marts.metrics_daily where account_id = ? "
            "group by currency order by currency",
            [name],
        )
    assert sums["acct_far_east"] == sums[together.first]
    own, far = (
        rows(together.warehouse, "select * from marts.metrics_daily where account_id = ?", [name])
        for name in (together.first, "acct_far_east")
    )
    by_day = {(row["day"], row["currency"]): row for row in own}
    moved = [
        row
        for row in far
        if row["gross_revenue"] != by_day.get((row["day"], row["currency"]), row)["gross_revenue"]
    ]
    assert moved
    oracle = Oracle(together.loads["acct_far_east"])
    outcome = compare(far, oracle.numbers(), oracle.first_day)
    assert outcome.compared > 90 * 40
    assert not outcome.differences, "\n".join(outcome.differences[:20])


def _alone(together: Together, account_id: str, folder: Path) -> dict[str, str]:
    warehouse = folder / "warehouse.duckdb"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with duckdb.connect(str(warehouse)) as connection:
        for load in together.loads[account_id]:
            land(connection, load)
    dbt(warehouse, "run")
    return together.marts(account_id, warehouse)


@pytest.mark.parametrize(
    "place", [0, 5, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2, 3, 4, 6, 7, 8, 9))]
)
def test_an_account_is_the_same_alone(place: int, together: Together, tmp_path: Path) -> None:
    """Every mart of one of ten accounts, byte for byte."""
    account_id = together.accounts[place]
    alone, beside = _alone(together, account_id, tmp_path / "alone"), together.marts(account_id)
    assert alone["metrics_daily"].count("\n") >= 90
    for mart, text in alone.items():
        assert beside[mart] == text, mart
