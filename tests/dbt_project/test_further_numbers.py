"""The worked examples of `docs/metrics.md` §9 and §10, one account each, in one build.

Belongs here: marts beside `metrics_daily`, and its columns that only they explain.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt_project.building import BuildFailed, dbt, rows
from tests.dbt_project.casting import streams
from tests.dbt_project.landing import Load, land
from tests.dbt_project.objects import (
    NOW,
    Object,
    account,
    ago,
    charge,
    customer,
    dispute,
    event,
    invoice,
    key,
    line,
    price,
    refund,
    subscription,
)

pytestmark = pytest.mark.e2e

HOUR = 3_600
TODAY = dt.datetime.fromtimestamp(NOW, dt.UTC).date()
REPORTING = {"reporting_currency": "usd"}


def day(days_ago: int) -> dt.date:
    """The local day so many days before today; the accounts live in UTC."""
    return TODAY - dt.timedelta(days=days_ago)


def rates() -> str:
    """Euro in dollars: 1.10 until the day before, 1.20 on the day of the change, none after."""
    given = [f"{day(ago_)},eur,usd,1.10" for ago_ in range(91, 3, -1)]
    return "\n".join(["date,from_currency,to_currency,rate", *given, f"{day(3)},EUR,USD,1.20", ""])


def abroad() -> Mapping[str, list[Object]]:
    """100 EUR a month, 150 from three days ago on; 10 USD all the time."""
    small, large = price("10000", currency="eur"), price("15000", currency="eur")
    grown = subscription((large,), currency="eur")
    former = grown["items"]["data"][0] | {"price": small}
    event_ = event("customer.subscription.updated", grown, ago(3), {"items": {"data": [former]}})
    home = subscription((price("1000"),), customer_id="cus_b")
    return streams(grown, home, prices=(small,), events=[event_])


def billed(*amounts: int, created: int, **fields: Any) -> Object:
    """An invoice with a line of each amount, one price each; `paid_by` names its charge."""
    parts = [
        (price(str(abs(amount)), product=f"prod_{n}"), amount) for n, amount in enumerate(amounts)
    ]
    made = [
        line("sub_none", of, {"id": key("si"), "quantity": 1}, amount, created)
        for of, amount in parts
    ]
    paid_by = fields.pop("paid_by", None)
    links = [
        {"id": key("inpay"), "status": "paid", "payment": {"type": "charge", "charge": paid_by}}
    ]
    return invoice(*made, created=created, payments={"object": "list", "data": links}, **fields)


def revenue() -> Mapping[str, list[Object]]:
    """Thirds of ten dollars, refunded whole; a move between plans; a sale without an invoice."""
    thirds = charge(1000, ago(9))
    thirds["billing_details"] = {"address": {"country": "FR"}}
    moved = charge(750, ago(8))
    alone = charge(4000, ago(7))
    contested = dispute(alone, "lost", ago(6), (-4000, ago(6)))
    return {
        "customers": [customer("cus_a")],
        "charges": [thirds, moved, alone],
        "refunds": [refund(thirds, 1000, ago(5))],
        "disputes": [contested],
        "invoices": [
            billed(500, 500, 500, created=ago(9), paid_by=thirds["id"]),
            billed(-500, 1250, created=ago(8), paid_by=moved["id"]),
        ],
    }


def trials() -> Mapping[str, list[Object]]:
    """Ten trials of one day: four converted, four lost, two run."""
    plan = price("1000")
    span = {"start": ago(20), "trial_start": ago(20)}
    converted = [
        subscription((plan,), customer_id=f"cus_{n}", trial_end=ago(13), **span) for n in range(4)
    ]
    lost = [
        subscription(
            (plan,),
            status="canceled",
            trial_end=ago(13),
            ended_at=ago(14),
            canceled_at=ago(14),
            **span,
        )
        for _ in range(3)
    ]
    paused = subscription((plan,), status="paused", trial_end=ago(13), **span)
    running = [
        subscription((plan,), status="trialing", trial_end=ago(-10), **span) for _ in range(2)
    ]
    return streams(*converted, *lost, paused, *running)


def recovery() -> Mapping[str, list[Object]]:
    """Three payments fail; one succeeds after 24 h, one after 48 h, one is still open."""
    tried: list[Object] = []
    for intent, amount, hours in (("pi_1", 1000, 24), ("pi_2", 2000, 48), ("pi_3", 4000, 0)):
        tried.append(charge(amount, ago(10), "failed", payment_intent=intent))
        if hours:
            tried.append(charge(amount, ago(10) + hours * HOUR, payment_intent=intent))
    return {"customers": [customer("cus_a")], "charges": tried}


WORLD = {"abroad": abroad, "revenue": revenue, "trials": trials, "recovery": recovery}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All accounts, built with dollars as the reporting currency."""
    path = tmp_path_factory.mktemp("further") / "warehouse.duckdb"
    (path.parent / "exchange_rates.csv").write_text(rates(), encoding="utf-8")
    with duckdb.connect(str(path)) as connection:
        for name, build in WORLD.items():
            objects = {"accounts": [account(f"acct_{name}")], **build()}
            land(connection, Load(f"acct_{name}", NOW, objects))
    dbt(path, "build", variables=REPORTING)
    yield path


def test_what_the_exchange_rate_did_is_a_movement_of_its_own(warehouse: Path) -> None:
    """110 + 10 fx + 60 expansion = 180, beside 10 dollars that stay."""
    (found,) = rows(
        warehouse,
        "select * from marts.metrics_daily_reporting where account_id = 'acct_abroad' and day = ?",
        [day(3)],
    )
    wanted = {"mrr_opening": 120, "mrr_fx": 10, "mrr_expansion": 60, "mrr": 190}
    assert {name: found[name] for name in wanted} == wanted
    assert found["missing_rates"] is None
    moved = rows(
        warehouse,
        "select movement, opening_mrr, mrr_change, closing_mrr"
        " from marts.fct_mrr_movements_reporting"
        " where account_id = 'acct_abroad' and day = ? order by movement desc",
        [day(3)],
    )
    assert [tuple(row.values()) for row in moved] == [
        ("fx", 110, 10, 120),
        ("expansion", 120, 60, 180),
    ]


def test_a_missing_rate_gives_no_total_and_names_itself(warehouse: Path) -> None:
    """The day after the last rate; accounts in dollars alone need none."""
    totals = rows(
        warehouse,
        "select account_id, mrr, missing_rates from marts.metrics_daily_reporting"
        " where day = ? and account_id in ('acct_abroad', 'acct_trials') order by 1",
        [day(2)],
    )
    assert [tuple(row.values()) for row in totals] == [
        ("acct_abroad", None, "eur"),
        ("acct_trials", 40, None),
    ]


def test_a_rate_lives_on_where_the_operator_says_so(warehouse: Path) -> None:
    """Three days after its date, with a maximum age of three."""
    dbt(
        warehouse,
        "build",
        "--select",
        "stg_operator__exchange_rates+",
        variables=REPORTING | {"exchange_rate_max_age_days": 3},
    )
    found = rows(
        warehouse,
        "select mrr, missing_rates from marts.metrics_daily_reporting"
        " where account_id = 'acct_abroad' and day = ?",
        [TODAY],
    )
    assert found == [{"mrr": Decimal(190), "missing_rates": None}]


def test_a_bad_rate_stops_the_build_with_its_line(warehouse: Path) -> None:
    """The file that an operator put there by hand."""
    file = warehouse.parent / "exchange_rates.csv"
    file.write_text(rates().replace("EUR,USD,1.20", "EUR,USD,1.2x"), encoding="utf-8")
    with pytest.raises(BuildFailed, match=r"line 90: rate '1.2x' is not above 0"):
        dbt(warehouse, "run", "--select", "stg_operator__exchange_rates", variables=REPORTING)


def test_revenue_falls_on_the_lines_that_were_paid(warehouse: Path) -> None:
    """To the cent; a refund takes back what its charge gave."""
    found = rows(
        warehouse,
        "select kind, list(amount order by line_number) as amounts, any_value(country) as country"
        " from marts.fct_revenue_lines where account_id = 'acct_revenue'"
        " group by kind, source_id order by min(day), kind",
    )
    shares = [(row["kind"], row["country"], *map(str, row["amounts"])) for row in found]
    assert shares == [
        ("charge", "FR", "3.340", "3.330", "3.330"),
        ("charge", "US", "-5.000", "12.500"),
        ("charge", "US", "40.000"),
        ("dispute", "US", "-40.000"),
        ("refund", "FR", "-3.340", "-3.330", "-3.330"),
    ]


def test_trials_are_told_by_the_day_they_began(warehouse: Path) -> None:
    """Half of the decided ones converted, all on one later day."""
    found = rows(
        warehouse,
        "select day, trial_starts, trial_conversions, trial_conversion_rate"
        " from marts.metrics_daily where account_id = 'acct_trials' and day in (?, ?) order by day",
        [day(20), day(13)],
    )
    assert [tuple(row.values())[1:] for row in found] == [(10, 0, Decimal("0.5")), (0, 4, None)]


def test_recovery_is_told_by_the_day_of_the_first_failure(warehouse: Path) -> None:
    """Two of three, 30 dollars, after a day and a half on average."""
    (found,) = rows(
        warehouse,
        "select recovered_payments, recovered_amount, payment_recovery_rate, hours_to_recovery"
        " from marts.metrics_daily where account_id = 'acct_recovery' and day = ?",
        [day(10)],
    )
    assert [str(value) for value in found.values()] == ["2", "30.000", "0.666667", "36.000000"]


def test_plans_and_customers_by_size(warehouse: Path) -> None:
    """The running month; shares within the account and currency."""
    mix = rows(
        warehouse,
        "select subscriptions, subscribers, quantity, mrr, mrr_share from marts.rpt_plan_mix"
        " where account_id = 'acct_trials' order by month desc limit 1",
    )
    assert [tuple(row.values()) for row in mix] == [(4, 4, 4, 40, 1)]
    top = rows(
        warehouse,
        "select customer_id, mrr_rank, mrr_share from marts.rpt_top_customers"
        " where account_id = 'acct_trials' order by mrr_rank",
    )
    assert [tuple(row.values()) for row in top] == [
        (f"cus_{n}", n + 1, Decimal("0.25")) for n in range(4)
    ]
