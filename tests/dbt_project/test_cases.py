"""Each case of `cases.py` comes out as expected, in one build of one account per case."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.dbt_project.building import dbt, rows
from tests.dbt_project.cases import CASES
from tests.dbt_project.comparing import KEYS, compare, compare_rows
from tests.dbt_project.landing import Load, land
from tests.dbt_project.objects import NOW, account
from tests.oracle.days import Oracle
from tests.oracle.marts import marts

pytestmark = pytest.mark.e2e

Rows = list[dict[str, Any]]
# Rows of the other marts by mart and account.
MARTS: dict[str, dict[str, Rows]] = defaultdict(lambda: defaultdict(list))
Built = dict[str, tuple[Load, dict[str, Any], Rows]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Every case's load, its expectations and its rows of `metrics_daily`."""
    warehouse = tmp_path_factory.mktemp("cases") / "warehouse.duckdb"
    loads: dict[str, tuple[Load, dict[str, Any]]] = {}
    with duckdb.connect(str(warehouse)) as connection:
        for name, build in CASES.items():
            streams, expected = build()
            account_id = f"acct_{name}"
            load = Load(account_id, NOW, {"accounts": [account(account_id)], **streams})
            land(connection, load)
            loads[name] = load, dict(expected)
    dbt(warehouse, "build")
    days = rows(warehouse, "select * from marts.metrics_daily")
    for mart in KEYS:
        for row in rows(warehouse, f"select * from marts.{mart}"):
            MARTS[mart][row["account_id"]].append(row)
    yield {
        name: (load, expected, [day for day in days if day["account_id"] == load.account_id])
        for name, (load, expected) in loads.items()
    }


@pytest.mark.parametrize("name", CASES)
def test_today(name: str, built: Built) -> None:
    """The expected metrics of today, and of earlier days and other currencies where named."""
    _, expected, days = built[name]
    currency = expected.pop("currency", "usd")
    elsewhere = expected.pop("elsewhere", {})
    earlier = {
        metric: expected.pop(name, {})
        for metric, name in (
            ("mrr", "days"),
            ("mrr_net", "net_days"),
            ("customer_churn_rate_30d", "churn_days"),
            ("estimated_mrr_share", "estimated_days"),
        )
    }
    own = {row["day"]: row for row in days if row["currency"] == currency}
    today = max(own)
    found = {metric: own[today][metric] for metric in expected}
    wanted = {
        metric: Decimal(value) if isinstance(value, str) else value
        for metric, value in expected.items()
    }
    assert found == wanted
    for metric, days_ago in earlier.items():
        for ago, value in days_ago.items():
            day = own[today - dt.timedelta(days=ago)]
            assert day[metric] == Decimal(value), f"{metric} {ago} days ago"
    for other, metrics in elsewhere.items():
        row = next(row for row in days if row["currency"] == other and row["day"] == today)
        assert {metric: row[metric] for metric in metrics} == {
            metric: Decimal(value) for metric, value in metrics.items()
        }


@pytest.mark.parametrize("name", CASES)
def test_every_day_equals_the_oracle(name: str, built: Built) -> None:
    """Each metric, currency, day and month of the case, and what is left of its cohorts."""
    load, _, days = built[name]
    oracle = Oracle([load])
    numbers = oracle.numbers()
    outcome = compare(days, numbers, oracle.first_day)
    assert outcome.compared >= 91 * 40
    assert not outcome.differences, "\n".join(outcome.differences[:20])
    for mart, expected in marts(oracle, numbers).items():
        beside = compare_rows(MARTS[mart][load.account_id], expected, KEYS[mart])
        assert beside.compared >= (4 * 40 if mart == "metrics_monthly" else 0)
        assert not beside.differences, "\n".join([mart, *beside.differences[:20]])
