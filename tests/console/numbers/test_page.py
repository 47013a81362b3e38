"""The Payments page, its drill-downs and its states, against marts that are read independently."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from connections.models import Account, AccountStatus
from connections.rows import transaction
from console.web.numbers.drills import DRILLS
from console.web.numbers.metrics import METRICS, Metric, Over, Unit
from console.web.pages.payments import GROUPS, NUMBERS
from tests.console.numbers.conftest import UNPUBLISHED, Console
from tests.console.numbers.marts_file import EMPTY, FULL, NOW, PARTIAL, TODAY

#: Written here once more, from docs/metrics.md, and not taken from the table of metrics.
FLOWS = {
    "mrr_new", "mrr_reactivation", "mrr_expansion", "mrr_contraction", "mrr_churn",
    "new_subscriptions", "churned_subscriptions", "trial_starts", "trial_conversions",
    "new_customers", "new_subscribers", "reactivated_subscribers", "churned_subscribers",
    "gross_revenue", "refunds", "disputes", "net_revenue", "invoiced_revenue",
    "transaction_count", "succeeded_payments", "pending_payments", "failed_payments",
    "failed_amount", "failed_payments_unrecovered", "recovered_payments", "recovered_amount",
}  # fmt: skip


class Truth:
    """The published file, read once and by itself: no query of the console's."""

    def __init__(self, marts: Path) -> None:
        with duckdb.connect(str(marts), read_only=True) as connection:
            self._tables = {
                table: _rows(connection, table)
                for table in ("metrics_daily", "fct_payments", "fct_payment_attempts", "fct_trials")
            }

    def metric(
        self, name: str, first: date, last: date, account: str = FULL, currency: str = "usd"
    ) -> Decimal | None:
        """A metric over days."""

        def rows(table: str, day: str = "day") -> list[dict[str, Any]]:
            return [
                row
                for row in self._tables[table]
                if row["account_id"] == account
                and row["currency"] == currency
                and first <= row[day] <= last
            ]

        payments, attempts = rows("fct_payments"), rows("fct_payment_attempts")
        recovered = [row for row in payments if row["is_recovered"]]
        match name:
            case "payment_success_rate":
                return _share(payments, "succeeded", "failed")
            case "attempt_success_rate":
                return _share(attempts, "succeeded", "failed")
            case "trial_conversion_rate":
                return _share(rows("fct_trials", "started_day"), "converted", "lost")
            case "payment_recovery_rate":
                return _ratio(len(recovered), sum(row["failed_attempts"] > 0 for row in payments))
            case "hours_to_recovery":
                waited = [row["recovered_at"] - row["first_failed_at"] for row in recovered]
                seconds = sum(int(each.total_seconds()) for each in waited)
                return _ratio(seconds, 3600 * len(waited))
        days = sorted(rows("metrics_daily"), key=lambda row: row["day"])
        if name in FLOWS:
            return sum((Decimal(row[name]) for row in days), Decimal(0)) if days else None
        if not days:
            return None
        value = days[0 if name == "mrr_opening" else -1][name]
        return None if value is None else Decimal(value)


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[dict[str, Any]]:
    result = connection.execute(f"select * from {table}")
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _share(rows: list[dict[str, Any]], good: str, bad: str) -> Decimal | None:
    outcomes = [row["outcome"] for row in rows]
    return _ratio(outcomes.count(good), outcomes.count(good) + outcomes.count(bad))


def _ratio(top: int, bottom: int) -> Decimal | None:
    if not bottom:
        return None
    return (Decimal(top) / bottom).quantize(Decimal("0.000001"), ROUND_HALF_UP)


@pytest.fixture(scope="module")
def truth(console: Console) -> Truth:
    return Truth(console.marts)


def written(value: Decimal | None, metric: Metric) -> str:
    """A number as an English page writes it, in full, in US dollars."""
    if value is None:
        return "–"
    sign = "−" if value < 0 else ""
    match metric.unit:
        case Unit.MONEY:
            return f"{sign}${abs(value).quantize(Decimal('0.01'), ROUND_HALF_UP):,}"
        case Unit.RATE:
            return f"{sign}{abs(value * 100).quantize(Decimal('0.01'), ROUND_HALF_UP):,}%"
        case _:
            return f"{sign}{abs(value):,}"


def shown_on(page: str) -> dict[str, str]:
    """Each number in full, by its metric."""
    found = re.findall(r'class="kpi-value" title="([^"]*)" data-metric="(\w+)"', page)
    return {name: html.unescape(title) for title, name in found}


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("range=30d", TODAY - timedelta(days=29), TODAY),
        ("range=last_month", date(2026, 10, 1), date(2026, 10, 31)),
        ("range=7d&compare=none&grain=week", TODAY - timedelta(days=6), TODAY),
        ("from=2026-09-10&to=2026-09-19", date(2026, 9, 10), date(2026, 9, 19)),
    ],
)
def test_every_number_on_the_page_is_that_of_the_marts(
    truth: Truth, client: httpx.Client, query: str, first: date, last: date
) -> None:
    page = client.get(f"/payments?account={FULL}&{query}&locale=en")
    assert page.status_code == 200
    numbers = shown_on(page.text)
    assert list(numbers) == [name for row in NUMBERS for name in row]
    for name, text in numbers.items():
        value = truth.metric(name, first, last)
        assert text.split(": ")[0] == written(value, METRICS[name]), name
        if value is None:
            assert METRICS[name].when_null in text, f"{name} does not say why there is no number"


@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_every_metric_of_the_api_is_that_of_the_marts(
    truth: Truth, client: httpx.Client, grain: str
) -> None:
    first, last = date(2026, 9, 15), date(2026, 11, 20)
    answer = client.get(
        "/api/v1/metrics",
        params={
            "account": FULL, "metric": list(METRICS), "from": str(first), "to": str(last),
            "grain": grain, "compare": "none",
        },
    ).json()  # fmt: skip
    assert [each["name"] for each in answer["metrics"]] == list(METRICS)
    for each in answer["metrics"]:
        name = each["name"]
        expected = truth.metric(name, first, last)
        assert _decimal(each["value"]) == expected, name
        assert (each["missing"] is None) == (expected is not None), name
        for point in each["points"]:
            begins = date.fromisoformat(point["period"])
            ends = _end(begins, grain)
            expected = truth.metric(name, max(begins, first), min(ends, last))
            assert _decimal(point["value"]) == expected, (name, point["period"])


def test_the_former_period_is_the_days_before(truth: Truth, client: httpx.Client) -> None:
    answer = client.get(f"/api/v1/metrics?account={FULL}&metric=gross_revenue&metric=mrr&range=30d")
    revenue, mrr = answer.json()["metrics"]
    first, last = TODAY - timedelta(days=59), TODAY - timedelta(days=30)
    assert _decimal(revenue["former"]) == truth.metric("gross_revenue", first, last)
    assert _decimal(mrr["former"]) == truth.metric("mrr", first, last)
    page = client.get(f"/payments?account={FULL}&range=90d").text
    assert "The former period begins before the imported history." in page


def test_a_sum_drills_down_to_rows_that_add_up_to_it(truth: Truth, client: httpx.Client) -> None:
    summed = 0
    for name, metric in METRICS.items():
        page = client.get(f"/payments/drill/{name}?account={FULL}&range=90d&locale=en")
        assert page.status_code == 200, name
        found = re.search(r"<p>([\d,]+) rows?(?:, adding up to ([^<]+))?</p>", page.text)
        assert found, name
        value = truth.metric(name, TODAY - timedelta(days=89), TODAY)
        drill = DRILLS[name]
        if metric.over is Over.SUM and drill.amount == "count":
            assert found[1] == f"{value:,}", name
        elif (metric.over is Over.SUM and drill.amount) or name in {"mrr", "mrr_net", "mrr_gross"}:
            assert found[2] == written(value, metric), name
        else:
            continue
        summed += 1
    assert summed > 25


def test_drilled_rows_lead_to_stripe_and_go_on_over_pages(client: httpx.Client) -> None:
    first = client.get(f"/payments/drill/transaction_count?account={FULL}&range=90d").text
    second = client.get(f"/payments/drill/transaction_count?account={FULL}&range=90d&page=2").text
    links = [
        re.findall(r'href="(https://dashboard\.stripe\.com/[^"]+)"', page)
        for page in (first, second)
    ]
    assert len(links[0]) == 50
    assert links[1]
    assert not set(links[0]) & set(links[1])
    assert client.get(f"/payments/drill/mrr?account={FULL}&page=0").status_code == 400


def test_currencies_have_their_own_numbers_and_decimals(truth: Truth, client: httpx.Client) -> None:
    for currency, sign in (("jpy", "¥"), ("eur", "€")):
        page = client.get(f"/payments?account={PARTIAL}&currency={currency}&range=all&locale=en")
        mrr = truth.metric("mrr", TODAY - timedelta(days=4), TODAY, PARTIAL, currency)
        assert mrr is not None
        digits = Decimal(1) if currency == "jpy" else Decimal("0.01")
        assert shown_on(page.text)["mrr"] == f"{sign}{mrr.quantize(digits, ROUND_HALF_UP):,}"


def test_numbers_are_written_as_the_reader_writes_them(client: httpx.Client) -> None:
    german = client.get(f"/payments?account={FULL}", headers={"Accept-Language": "de-DE,en;q=0.5"})
    assert re.fullmatch(r"[\d.]+,\d\d\xa0\$", shown_on(german.text)["mrr"])
    chosen = client.get(f"/payments?account={FULL}&locale=fr", headers={"Accept-Language": "de-DE"})
    assert shown_on(chosen.text)["mrr"].endswith("$US")


def test_what_is_estimated_is_marked(client: httpx.Client) -> None:
    cut = f"account={FULL}&from=2026-08-29&to=2026-09-05"
    assert 'class="estimated"' in client.get(f"/payments?{cut}").text
    figure = client.get(f"/api/v1/widgets/mrr_over_time?{cut}&format=figure").json()["figure"]
    dashes = {trace["name"]: trace["line"].get("dash") for trace in figure["data"]}
    assert dashes["MRR, estimated"] == "5px,4px"
    bars = client.get(f"/api/v1/widgets/mrr_movements?{cut}&format=figure").json()["figure"]
    assert "Estimated" in [trace["name"] for trace in bars["data"]]
    assert "/" in bars["data"][0]["marker"]["pattern"]["shape"]


def test_a_range_before_the_history_says_where_it_begins(client: httpx.Client) -> None:
    cut = client.get(f"/payments?account={FULL}&from=2026-01-01&to=2026-09-30&locale=en").text
    assert "The imported history begins on Aug 29, 2026" in cut
    before = client.get(f"/payments?account={FULL}&from=2020-01-01&to=2020-01-31&locale=en").text
    assert set(shown_on(before)) == {name for row in NUMBERS for name in row}
    assert "No days of this period are imported" in before


@pytest.mark.parametrize("account", [EMPTY, PARTIAL])
def test_accounts_with_little_have_a_whole_page(client: httpx.Client, account: str) -> None:
    page = client.get(f"/payments?account={account}")
    assert page.status_code == 200
    for _, widget_ids in GROUPS:
        for widget_id in widget_ids:
            assert f'id="title-{widget_id}"' in page.text


def test_an_account_without_numbers_says_what_to_do(client: httpx.Client) -> None:
    page = client.get(f"/payments?account={UNPUBLISHED}")
    assert page.status_code == 200
    assert "No numbers yet" in page.text
    assert 'href="/integrations"' in page.text
    assert client.get(f"/api/v1/metrics?account={UNPUBLISHED}&metric=mrr").status_code == 404


def test_a_failed_connection_is_said_above_its_numbers(
    console: Console, client: httpx.Client
) -> None:
    address = f"/payments?account={PARTIAL}"
    assert "notice--bad" not in client.get(address).text
    with transaction(console.engine) as session:
        account = session.get_one(Account, PARTIAL)
        account.status = AccountStatus.REVOKED
        account.last_error = "Stripe said that the access was withdrawn."
    page = client.get(address).text
    assert "these numbers are not updated any more" in page
    assert "Stripe said that the access was withdrawn." in page
    assert f'href="/integrations/{PARTIAL}"' in page
    with transaction(console.engine) as session:
        account = session.get_one(Account, PARTIAL)
        account.status, account.last_error = AccountStatus.CONNECTED, None


def test_numbers_that_are_late_say_so(console: Console, client: httpx.Client) -> None:
    with transaction(console.engine) as session:
        # A tier that promises numbers every three hours; the last ones are of long ago.
        account = session.get_one(Account, EMPTY)
        account.tier = "pro"
        account.connected_at = account.last_success_at = NOW - timedelta(days=400)
    page = client.get(f"/payments?account={EMPTY}").text
    assert "These numbers are older than they should be" in page
    assert "notice--warn" in page
    with transaction(console.engine) as session:
        session.get_one(Account, EMPTY).tier = "free"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("range=fortnight", "range=fortnight"),
        ("grain=hour", "grain=hour"),
        ("compare=budget", "compare=budget"),
        ("currency=xyz", "currency=xyz"),
        ("locale=klingon", "locale="),
        ("from=yesterday", "from="),
        ("from=2026-02-01&to=2026-01-01", "from=2026-02-01"),
        ("account=nobody", "account="),
    ],
)
def test_an_unknown_value_is_a_page_that_names_it(
    client: httpx.Client, query: str, named: str
) -> None:
    address = (
        f"/payments?account={FULL}&{query}" if "account" not in query else f"/payments?{query}"
    )
    page = client.get(address)
    assert page.status_code == 400
    assert named in html.unescape(page.text)
    assert client.get(f"/api/v1/widgets/mrr?{query}").json()["error"]["code"] == "bad_parameter"


def test_every_metric_has_a_definition_with_formula_and_example(client: httpx.Client) -> None:
    everything = client.get("/payments/definitions").text
    for name in METRICS:
        page = client.get(f"/payments/definitions/{name}")
        assert page.status_code == 200
        assert "<strong>Formula.</strong>" in page.text
        assert "<strong>Example.</strong>" in page.text
        assert f'href="/payments/definitions/{name}"' in everything
    assert client.get("/payments/definitions/happiness").status_code == 404


def _decimal(text: str | None) -> Decimal | None:
    assert text is None or re.fullmatch(r"-?\d+(\.\d+)?", text)
    return None if text is None else Decimal(text)


def _end(begins: date, grain: str) -> date:
    if grain == "month":
        return (begins + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return begins + timedelta(days=6 if grain == "week" else 0)
