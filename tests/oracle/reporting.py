"""Amounts in a reporting currency, from `docs/metrics.md` §10.

Belongs here: what the operator's rates make of native days and movements. Not here: those
themselves (`days`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from tests.oracle.days import MICRO, ONE_DAY, Days, Oracle
from tests.oracle.money import major

Amounts = dict[str, Any]
MOVEMENTS = ("mrr_new", "mrr_reactivation", "mrr_expansion", "mrr_contraction", "mrr_churn")
FLOWS = ("gross_revenue", "refunds", "disputes", "invoiced_revenue", "failed_amount")
# Read at the close of the day or summed over it, each at the rate of that day.
AT_THE_DAYS_RATE = ("mrr_gross", "mrr", "mrr_net", "arr", *MOVEMENTS, *FLOWS)
# A rate has 12 decimals and an amount 9; nothing is rounded.
DIGITS = 60


@dataclass(frozen=True)
class Rates:
    """What the operator wrote.

    Attributes:
        currency: The reporting currency; empty while there is none.
        max_age: Days that a rate stays valid after its own.
        dated: Rates into the reporting currency by currency and day.
    """

    currency: str = ""
    max_age: int = 0
    dated: Mapping[str, Mapping[dt.date, Decimal]] = field(default_factory=dict)

    def of(self, currency: str, day: dt.date) -> Decimal | None:
        """Return what one unit is worth on a day, or None where nobody said."""
        if currency == self.currency:
            return Decimal(1)
        dated = self.dated.get(currency, {})
        for age in range(self.max_age + 1):
            if day - age * ONE_DAY in dated:
                return dated[day - age * ONE_DAY]
        return None


def days_in_reporting_currency(numbers: Days, rates: Rates) -> dict[tuple[Any, ...], Amounts]:
    """Return `metrics_daily_reporting` by day.

    Args:
        numbers: The account's native numbers.
        rates: The operator's rates.
    """
    if not rates.currency:
        return {}
    with localcontext(prec=DIGITS):
        return {(day,): _day(rates, day, native) for day, native in numbers.items()}


def _day(rates: Rates, day: dt.date, native: Mapping[str, Mapping[str, Any]]) -> Amounts:
    def total(column: str, rate: Mapping[str, Decimal | None]) -> Decimal | None:
        found = Decimal(0)
        for currency, each in native.items():
            if each[column]:
                known = rate[currency]
                if known is None:
                    return None
                found += each[column] * known
        return found

    today = {currency: rates.of(currency, day) for currency in native}
    yesterday = {currency: rates.of(currency, day - ONE_DAY) for currency in native}
    needing = ("mrr_gross", "mrr_opening", *MOVEMENTS, *FLOWS)
    missing = sorted(
        currency
        for currency, each in native.items()
        if today[currency] is None and any(each[column] for column in needing)
    )
    found: Amounts = {column: total(column, today) for column in AT_THE_DAYS_RATE}
    parts = [found[column] for column in ("gross_revenue", "refunds", "disputes")]
    return found | {
        "reporting_currency": rates.currency,
        "missing_rates": ",".join(missing) or None,
        "mrr_opening": total("mrr_opening", yesterday),
        "mrr_fx": _less(total("mrr_opening", today), total("mrr_opening", yesterday)),
        "net_revenue": _less(_less(parts[0], parts[1]), parts[2]),
    }


def movements_in_reporting_currency(oracle: Oracle, rates: Rates) -> dict[tuple[Any, ...], Amounts]:
    """Return `fct_mrr_movements_reporting` by customer, currency, day and movement."""
    found: dict[tuple[Any, ...], Amounts] = {}
    if not rates.currency:
        return found
    with localcontext(prec=DIGITS):
        for currency in oracle.currencies():
            kinds = oracle.movements(currency)
            day = oracle.first_day
            while day <= oracle.today:
                moved = {who: kind for who, (kind, _) in kinds[day].items()}
                for who, *row in _moves(oracle, rates, currency, day, moved):
                    movement, opening, closing = row
                    found[who, currency, day, movement] = {
                        "reporting_currency": rates.currency,
                        "opening_mrr": opening,
                        "closing_mrr": closing,
                        "mrr_change": _less(closing, opening),
                    }
                day += ONE_DAY
    return found


def _moves(
    oracle: Oracle, rates: Rates, currency: str, day: dt.date, moved: Mapping[str, str]
) -> Iterator[tuple[str, str, Decimal | None, Decimal | None]]:
    opening, closing = oracle.mrr(day - ONE_DAY, currency), oracle.mrr(day, currency)
    before, rate = rates.of(currency, day - ONE_DAY), rates.of(currency, day)
    for who, micros in opening.items():
        if before is None or rate is None or before != rate:
            yield who, "fx", _at(micros, currency, before), _at(micros, currency, rate)
    for who, movement in moved.items():
        amounts = (opening.get(who, 0), closing.get(who, 0))
        yield who, movement, _at(amounts[0], currency, rate), _at(amounts[1], currency, rate)


def _at(micros: int, currency: str, rate: Decimal | None) -> Decimal | None:
    return None if rate is None else major(Fraction(micros, MICRO), currency) * rate


def _less(amount: Decimal | None, by: Decimal | None) -> Decimal | None:
    return None if amount is None or by is None else amount - by
