"""All currencies in the one that the operator reports in: shown as the marts have them."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import httpx
import pytest

from tests.console.numbers.conftest import Console
from tests.console.numbers.marts_file import FULL, PARTIAL, TODAY, UNRATED
from tests.console.numbers.measured import CONVERTED

CLOSES = {"mrr", "mrr_gross", "mrr_net", "arr"}
COUNTS = ("transaction_count", "failed_payments", "new_subscriptions")
RATED = UNRATED + timedelta(days=1)
WORDS = f"account={PARTIAL}&currency=reporting&from={RATED}&to={TODAY}"


def ask(client: httpx.Client, words: str, *metrics: str) -> dict[str, Any]:
    """The API's numbers by metric."""
    names = "&".join(f"metric={name}" for name in metrics)
    answer = client.get(f"/api/v1/metrics?{words}&{names}").raise_for_status().json()
    assert answer["selection"]["currency"] == "usd"
    assert answer["selection"]["is_reporting"]
    return {each["name"]: each for each in answer["metrics"]}


def read(console: Console, sql: str, *values: object) -> tuple[Any, ...]:
    """One row of the marts, by no query of the console's."""
    with duckdb.connect(str(console.marts), read_only=True) as connection:
        row = connection.execute(sql, values).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("name", CONVERTED)
def test_amounts_equal_those_of_the_marts(
    console: Console, client: httpx.Client, name: str
) -> None:
    value = f"sum({name})"
    if name in CLOSES:
        value = f"max_by({name}, day)"
    if name == "mrr_opening":
        value = f"min_by({name}, day)"
    (expected,) = read(
        console,
        f"select {value} from metrics_daily_reporting where account_id = ? and day >= ?",
        PARTIAL,
        RATED,
    )
    shown = ask(client, WORDS, name)[name]
    assert Decimal(shown["value"]) == expected
    assert len(shown["points"]) == 4


@pytest.mark.parametrize("name", COUNTS)
def test_what_has_one_currency_each_is_counted_over_all_of_them(
    console: Console, client: httpx.Client, name: str
) -> None:
    (expected,) = read(
        console,
        f"select sum({name}) from metrics_daily where account_id = ? and day >= ?",
        PARTIAL,
        RATED,
    )
    assert Decimal(ask(client, WORDS, name)[name]["value"]) == expected


def test_a_quotient_is_that_of_all_currencies_sums(console: Console, client: httpx.Client) -> None:
    (expected,) = read(
        console,
        "select (count(*) filter (where outcome = 'succeeded'))::decimal(38, 9)"
        " / count(*) filter (where outcome != 'pending')"
        " from fct_payments where account_id = ? and day >= ?",
        PARTIAL,
        RATED,
    )
    shown = Decimal(ask(client, WORDS, "payment_success_rate")["payment_success_rate"]["value"])
    assert shown == round(Decimal(expected), 6)


def test_a_missing_rate_gives_no_number_and_says_whose(client: httpx.Client) -> None:
    words = f"account={PARTIAL}&currency=reporting&range=all"
    shown = ask(client, words, "gross_revenue", "mrr", "arpu", "transaction_count")
    assert shown["gross_revenue"]["value"] is None
    assert shown["gross_revenue"]["missing"] == "No exchange rate for EUR, JPY on some day."
    # The close of the last day has its rates.
    assert shown["mrr"]["value"] is not None
    assert shown["transaction_count"]["value"] is not None
    assert shown["arpu"]["missing"] == "Told for one currency at a time."


def test_steps_and_bars_without_a_rate_are_left_out(client: httpx.Client) -> None:
    words = f"account={PARTIAL}&currency=reporting&range=all&grain=day"
    steps = client.get(f"/api/v1/widgets/mrr_waterfall?{words}").json()
    assert steps["rows"] == []
    assert "exchange rate for EUR, JPY" in steps["empty"]
    bars = client.get(f"/api/v1/widgets/mrr_movements?{words}&format=figure").json()
    assert "exchange rate for EUR, JPY" in bars["note"]
    net = next(trace for trace in bars["figure"]["data"] if trace["name"] == "Net change")
    assert net["y"][0] is None
    assert None not in net["y"][1:]


def test_what_rates_did_is_a_step_of_its_own(client: httpx.Client) -> None:
    steps = client.get(f"/api/v1/widgets/mrr_waterfall?{WORDS}").json()["rows"]
    amounts = {name: Decimal(amount) for name, _, amount, _ in steps}
    assert "mrr_fx" in amounts
    closing = amounts.pop("mrr")
    assert sum(amounts.values()) == closing


def test_the_picker_offers_it_where_it_says_something(client: httpx.Client) -> None:
    page = html.unescape(client.get(f"/payments?{WORDS}").raise_for_status().text)
    assert re.search(r'<option value="reporting" selected>All, in USD</option>', page)
    assert "currency=reporting" in page
    # One currency, and no rates at all.
    assert 'value="reporting"' not in client.get(f"/payments?account={FULL}").text
    refused = client.get(f"/payments?account={FULL}&currency=reporting")
    assert refused.status_code == 400


def test_rows_are_shown_in_one_currency_at_a_time(client: httpx.Client) -> None:
    page = client.get(f"/payments/drill/mrr?{WORDS}").raise_for_status().text
    assert "One currency at a time" in page
    assert "currency=jpy" in page
    assert "currency=eur" in page
    plans = client.get(f"/api/v1/widgets/plan_mix?{WORDS}").json()
    assert plans["rows"] == []
    assert "one currency at a time" in plans["empty"]
    # Customers are the account's, whatever they pay in.
    customers = client.get(f"/payments/drill/customer_count?{WORDS}").text
    assert "Customer 0" in customers


def test_first_and_last_are_days(client: httpx.Client) -> None:
    selected = client.get(f"/api/v1/metrics?{WORDS}&metric=mrr").json()["selection"]
    assert date.fromisoformat(selected["first"]) == RATED
