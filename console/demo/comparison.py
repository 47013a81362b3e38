"""The published numbers beside the ledger's: equal, to the last digit, or not.

The ledger watched the business from its first day; an import of 90 days did not. What it
cannot know it must leave open (NULL): such a number is counted apart, and only where not
knowing is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

Number = Decimal | int | None

#: These weigh the last 30 days by MRR, so before day 30 of the window they need closings from
#: before it, which no object of an import of the window holds (docs/metrics.md §5).
NEED_THIRTY_DAYS = frozenset({"gross_mrr_churn_rate", "net_mrr_churn_rate", "grr", "nrr"})
#: A coupon that ended without an invoice in the window leaves no trace in any object. It can
#: touch this metric only, and only before the 30 days that the first import's events reach back.
NEEDS_EVENTS = frozenset({"mrr_net"})
_BEFORE_EVENTS = timedelta(days=60)
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
    unknowable: bool = False

    @property
    def equal(self) -> bool:
        """Whether both are the same number, or both are unknown, or nobody could know ours."""
        if self.unknowable:
            return True
        if self.published is None or self.truth is None:
            return self.published is self.truth
        return Decimal(self.published) == Decimal(self.truth)


def compare(
    rows: Sequence[Mapping[str, Any]], truth: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Iterator[Comparison]:
    """Pair every number of the truth with the published one.

    Args:
        rows: Rows of `metrics_daily` of one account.
        truth: The ledger's days, as `Simulator.truth` returns them.

    Yields:
        One comparison per day, currency and metric. A published row that the ledger does
        not know, or the other way round, is compared with None and so differs.
    """
    first_day = min((row["day"] for row in rows), default=date.min)
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
            ours = row.get(metric)
            age = date.fromisoformat(day) - first_day
            yield Comparison(
                date.fromisoformat(day),
                currency,
                metric,
                ours,
                as_number(value),
                unknowable=bool(row) and _is_unknowable(metric, age, ours),
            )


def _is_unknowable(metric: str, age: timedelta, published: Number) -> bool:
    """Tell whether the window holds too little for a metric at a distance from its start."""
    if metric in NEED_THIRTY_DAYS:
        # It must be open, not a guess.
        return age < _THIRTY_DAYS and published is None
    return metric in NEEDS_EVENTS and age < _BEFORE_EVENTS


def as_number(value: str | int | None) -> Number:
    """Read a number of the ledger's JSON, where decimals are strings."""
    return Decimal(value) if isinstance(value, str) else value
