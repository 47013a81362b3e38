"""Presets and vars change the rules that they name, and an unknown preset is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.building import BuildFailed, dbt, rows
from tests.dbt_project.cases import CASES
from tests.dbt_project.casting import streams
from tests.dbt_project.landing import Load, land
from tests.dbt_project.objects import NOW, account, ago, event, price, subscription

pytestmark = pytest.mark.e2e

USED = ("only_forever_is_subtracted", "a_year_that_will_end_still_counts", "paused_collection")


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """The raw objects of the cases that the choices are about."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        for name in USED:
            streams, _ = CASES[name]()
            account_id = f"acct_{name}"
            land(connection, Load(account_id, NOW, {"accounts": [account(account_id)], **streams}))
    return path


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"preset": "profitwell"}, ("265", "100", "10")),
        ({"preset": "stripe_dashboard", "count_keep_as_draft": False}, ("300", "0", "0")),
    ],
)
def test_choices(variables: dict[str, object], expected: tuple[str, ...], warehouse: Path) -> None:
    """MRR today of the three cases under a preset, and under one with a var beside it."""
    dbt(warehouse, "build", variables=variables)
    found = {
        row["account_id"]: row["mrr"]
        for row in rows(
            warehouse,
            "select account_id, arg_max(mrr, day) as mrr from marts.metrics_daily group by all",
        )
    }
    assert tuple(found[f"acct_{name}"] for name in USED) == tuple(map(Decimal, expected))


def test_the_other_choices(tmp_path: Path) -> None:
    """A week of four to the month, ten days of grace, back after five days is new, 80 % margin."""
    late = subscription((price("1000"),), customer_id="cus_late", status="past_due")
    fell = event("customer.subscription.updated", late, ago(20), {"status": "active"})
    left = subscription(
        (price("1000"),),
        customer_id="cus_back",
        status="canceled",
        canceled_at=ago(25),
        ended_at=ago(25),
    )
    again = subscription((price("1000"),), customer_id="cus_back", start=ago(10))
    weekly = subscription((price("700", "week"),), customer_id="cus_week")
    path = tmp_path / "warehouse.duckdb"
    objects = streams(late, left, again, weekly, events=[fell])
    with duckdb.connect(str(path)) as connection:
        land(connection, Load("acct_a", NOW, {"accounts": [account("acct_a")], **objects}))
    # Unit tests are written for the choices by default.
    dbt(
        path,
        "build",
        "--exclude-resource-type=unit_test",
        variables={
            "past_due_grace_days": 10,
            "reactivation_window_days": 5,
            "ltv_gross_margin": "0.8",
            "monthly_factors": {"year": "1/12", "month": "1/1", "week": "4/1", "day": "30/1"},
        },
    )
    (today,) = rows(
        path,
        "select mrr, active_subscriptions, ltv from marts.metrics_daily order by day desc limit 1",
    )
    assert tuple(today.values()) == (38, 3, Decimal("22.8"))
    moved = rows(
        path,
        "select customer_id, movement from marts.fct_mrr_movements where day = ? order by 1",
        [dt.datetime.fromtimestamp(ago(10), dt.UTC).date()],
    )
    assert [tuple(row.values()) for row in moved] == [("cus_back", "new"), ("cus_late", "churn")]


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"preset": "stripes"}, r"'stripes' is unknown.*stripe_dashboard"),
        ({"past_due_grace_days": "-1"}, r"'-1' is unknown; it must be a number of days"),
    ],
)
def test_an_unknown_value_is_named(
    variables: dict[str, object], complaint: str, warehouse: Path
) -> None:
    """The message says what there is."""
    with pytest.raises(BuildFailed, match=complaint):
        dbt(warehouse, "build", variables=variables)


def test_the_environment_chooses_where_no_var_does(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment has no command line; its choices are refused as well."""
    monkeypatch.setenv("DASHTRAY_MRR_DISCOUNTS", "some")
    with pytest.raises(BuildFailed, match=r"mrr_discounts 'some' is unknown"):
        dbt(warehouse, "build", variables={"count_keep_as_draft": True})
