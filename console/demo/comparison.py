"""The published numbers beside the ledger's: equal, to the last digit, or not.

The ledger watched the business from its first day; an import of 90 days did not. Subscription
events reach 30 days back from the first sync; before that, MRR rests on invoices and on what
is held back from later states, and its days are flagged (`estimated_mrr_share`). So a
difference is excused only in a number that rests on MRR, on a day before the events reach,
and only where the published row says that it is an estimate or leaves the number open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

Number = Decimal | int | None

#: Metrics that rest on payments, invoices and customers: known for the whole window.
_NOT_FROM_MRR = frozenset(
    {
        "customer_count",
        "new_customers",
        "customer_growth_rate",
        "realised_revenue_per_customer",
        "payment_success_rate",
        "attempt_success_rate",
        "succeeded_payments",
        "pending_payments",
        "transaction_count",
        "failed_payments",
        "failed_amount",
        "failed_payments_unrecovered",
        "recovered_payments",
        "recovered_amount",
        "payment_recovery_rate",
        "hours_to_recovery",
        "gross_revenue",
        "refunds",
        "disputes",
        "net_revenue",
        "invoiced_revenue",
    }
)
#: These look 30 days back, so they need events of the 30 days before as well.
_LOOK_BACK = frozenset(
    {
        "gross_mrr_churn_rate",
        "net_mrr_churn_rate",
        "grr",
        "nrr",
        "quick_ratio",
        "customer_churn_rate_30d",
        "ltv",
    }
)
_EVENTS_REACH = timedelta(days=30)
_THIRTY_DAYS = timedelta(days=30)

#: Says how much of a number was reconstructed, which the ledger, having watched, cannot.
NOT_IN_THE_LEDGER = frozenset({"estimated_mrr_share"})


@dataclass(frozen=True)
class Comparison:
    """One number: what was published and what is true."""

    day: date
    currency: str
    metric: str
    published: Number
    truth: Number
    excusable: bool = False

    @property
    def wrong(self) -> bool:
        """Whether the published number is not the true one and had no right to differ."""
        return not self.equal and not self.excusable

    @property
    def equal(self) -> bool:
        """Whether both are the same number, or both are unknown."""
        if self.published is None or self.truth is None:
            return self.published is self.truth
        return Decimal(self.published) == Decimal(self.truth)


def compare(
    rows: Sequence[Mapping[str, Any]],
    truth: Mapping[str, Mapping[str, Mapping[str, Any]]],
    first_sync: date,
) -> Iterator[Comparison]:
    """Pair every number of the truth with the published one.

    Args:
        rows: Rows of `metrics_daily` of one account.
        truth: The ledger's days, as `Simulator.truth` returns them.
        first_sync: The day on which the account was first read.

    Yields:
        One comparison per day, currency and metric. A published row that the ledger does
        not know, or the other way round, is compared with None and so differs.
    """
    exact_from = first_sync - _EVENTS_REACH
    published = {(row["day"].isoformat(), row["currency"]): row for row in rows}
    known = {(day, currency) for day, currencies in truth.items() for currency in currencies}
    for day, currency in sorted(known | published.keys()):
        row = published.get((day, currency), {})
        numbers = truth.get(day, {}).get(currency)
        if numbers is None:
            # A day that only we have: one difference says it.
            yield Comparison(date.fromisoformat(day), currency, "(the row)", 1, None)
            continue
        for metric, value in numbers.items():
            if metric in NOT_IN_THE_LEDGER:
                continue
            yield Comparison(
                date.fromisoformat(day),
                currency,
                metric,
                row.get(metric),
                as_number(value),
                excusable=bool(row) and _is_excusable(metric, row, exact_from),
            )


def _is_excusable(metric: str, row: Mapping[str, Any], exact_from: date) -> bool:
    """Tell whether a published number may differ, because it says that it is an estimate."""
    if metric in _NOT_FROM_MRR:
        return False
    needed_from: date = row["day"]
    if metric in _LOOK_BACK:
        needed_from -= _THIRTY_DAYS
    if needed_from >= exact_from:
        return False
    return row.get(metric) is None or bool(row.get("estimated_mrr_share"))


def as_number(value: str | int | None) -> Number:
    """Read a number of the ledger's JSON, where decimals are strings."""
    return Decimal(value) if isinstance(value, str) else value
