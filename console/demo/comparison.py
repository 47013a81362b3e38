"""The published numbers beside the ledger's: equal, to the last digit, or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

Number = Decimal | int | None

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

    @property
    def equal(self) -> bool:
        """Whether both are the same number, or both are unknown."""
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
                date.fromisoformat(day), currency, metric, row.get(metric), as_number(value)
            )


def as_number(value: str | int | None) -> Number:
    """Read a number of the ledger's JSON, where decimals are strings."""
    return Decimal(value) if isinstance(value, str) else value
