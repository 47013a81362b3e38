"""The Payments summary that the demo prints: today, 30 days ago, the change, and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from rich.table import Table

from console.demo.comparison import Comparison, Number

#: Metrics in the order in which people ask for them: its heading, its mart columns.
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Recurring revenue", ("mrr", "arr", "mrr_gross", "mrr_net")),
    (
        "MRR movements of the day",
        (
            "mrr_opening",
            "mrr_new",
            "mrr_reactivation",
            "mrr_expansion",
            "mrr_contraction",
            "mrr_churn",
        ),
    ),
    (
        "Subscriptions",
        (
            "active_subscriptions",
            "trialing_subscriptions",
            "new_subscriptions",
            "trial_starts",
            "churned_subscriptions",
        ),
    ),
    (
        "Customers",
        (
            "customer_count",
            "new_customers",
            "customer_growth_rate",
            "active_subscribers",
            "new_subscribers",
            "reactivated_subscribers",
            "churned_subscribers",
            "arpu",
            "ltv",
            "realised_revenue_per_customer",
        ),
    ),
    (
        "Churn and retention, 30 days",
        ("customer_churn_rate_30d", "gross_mrr_churn_rate", "net_mrr_churn_rate", "grr", "nrr"),
    ),
    (
        "Revenue of the day",
        ("gross_revenue", "refunds", "disputes", "net_revenue", "invoiced_revenue"),
    ),
    (
        "Payments of the day",
        (
            "payment_success_rate",
            "attempt_success_rate",
            "transaction_count",
            "succeeded_payments",
            "pending_payments",
            "failed_payments",
            "failed_amount",
            "failed_payments_unrecovered",
        ),
    ),
)

#: Columns of the terminal that a table needs.
WIDTH = 114

_RATES = frozenset(
    {
        "customer_growth_rate",
        "payment_success_rate",
        "attempt_success_rate",
        "customer_churn_rate_30d",
        "gross_mrr_churn_rate",
        "net_mrr_churn_rate",
        "grr",
        "nrr",
    }
)


def tables(comparisons: Sequence[Comparison], today: date) -> list[Table]:
    """Make one table per currency.

    Args:
        comparisons: Every number of the window.
        today: The account's running day.
    """
    by_place = {(c.currency, c.day, c.metric): c for c in comparisons}
    currencies = sorted({c.currency for c in comparisons})
    return [_table(currency, today, by_place) for currency in currencies]


def _table(currency: str, today: date, by_place: dict[tuple[str, date, str], Comparison]) -> Table:
    before = today - timedelta(days=30)
    table = Table(title=f"Payments summary, {currency.upper()}", box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in (str(today), str(before), "change", "truth", "truth then"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for section, metrics in SECTIONS:
        table.add_section()
        table.add_row(f"[bold]{section}[/]")
        for metric in metrics:
            now, then = (
                by_place.get((currency, today, metric)),
                by_place.get((currency, before, metric)),
            )
            table.add_row(
                f"  {metric}",
                _shown(metric, now.published if now else None),
                _shown(metric, then.published if then else None),
                _change(now, then),
                _shown(metric, now.truth if now else None),
                _shown(metric, then.truth if then else None),
                _verdict([c for c in (now, then) if c]),
            )
    return table


def _verdict(comparisons: Sequence[Comparison]) -> str:
    if not comparisons:
        return "[red]missing[/]"
    if any(c.wrong for c in comparisons):
        return "[red]DIFFERENT[/]"
    return "[green]equal[/]" if all(c.equal for c in comparisons) else "[yellow]estimated[/]"


def _shown(metric: str, number: Number) -> str:
    # Rounded for the eye; what is compared is the exact number.
    if number is None:
        return "–"
    if metric in _RATES:
        return f"{_rounded(Decimal(number) * 100):,} %"
    if isinstance(number, int):
        return f"{number:,}"
    return f"{_rounded(number):,}"


def _change(now: Comparison | None, then: Comparison | None) -> str:
    if now is None or then is None or now.published is None or then.published is None:
        return "–"
    difference = Decimal(now.published) - Decimal(then.published)
    if now.metric in _RATES:
        return f"{_rounded(difference * 100):+,} pp"
    if not then.published:
        return f"{_rounded(difference):+,}"
    return f"{_rounded(difference / abs(Decimal(then.published)) * 100):+,} %"


def _rounded(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.01"), ROUND_HALF_UP)
