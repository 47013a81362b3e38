"""Exact amounts, from `docs/metrics.md` §0 and §1.

Belongs here: exponents, rounding, the price of a period, discounts in order. Not here: time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

ZERO_DECIMALS = frozenset(
    [
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    ]
)
THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
MONTHS = {
    "year": Fraction(1, 12),
    "month": Fraction(1),
    "week": Fraction(365, 84),
    "day": Fraction(365, 12),
}
Object = dict[str, Any]


def exponent(currency: str) -> int:
    """Return the decimals of a currency on the wire."""
    return 0 if currency in ZERO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def rounded(value: Fraction, decimals: int) -> Decimal:
    """Round half away from zero."""
    sign = -1 if value < 0 else 1
    whole = int(abs(value) * 10**decimals + Fraction(1, 2))
    return Decimal(sign * whole).scaleb(-decimals)


def major(minor: Fraction | int, currency: str) -> Decimal:
    """Return minor units as an exact amount in major units."""
    exact = Fraction(minor, 10 ** exponent(currency))
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def ratio(above: Fraction | int, below: Fraction | int) -> Decimal | None:
    """Return a rate with six decimals, or None where there is nothing to divide by."""
    return rounded(Fraction(above) / Fraction(below), 6) if below else None


def period_price(price: Object, quantity: int | None) -> Fraction:
    """Return what one period costs before discounts, in minor units."""
    recurring = price.get("recurring")
    if not recurring or recurring["usage_type"] == "metered" or quantity is None:
        return Fraction(0)
    units = quantity
    package = price.get("transform_quantity")
    if package:
        units, rest = divmod(quantity, package["divide_by"])
        if rest and package["round"] == "up":
            units += 1
    if price["billing_scheme"] == "per_unit":
        return units * Fraction(price["unit_amount_decimal"])
    tiers = price["tiers"]
    total, below = Fraction(0), 0
    for place, tier in enumerate(tiers):
        unit = Fraction(tier["unit_amount_decimal"] or 0)
        flat = Fraction(tier["flat_amount_decimal"] or 0)
        top = units if tier["up_to"] is None else min(units, tier["up_to"])
        if price["tiers_mode"] == "volume":
            if tier["up_to"] is None or units <= tier["up_to"]:
                return flat if units == 0 and place == 0 else units * unit + flat
            continue
        if place == 0 or units > below:
            total += (top - below) * unit + flat
        below = top
    return total


@dataclass
class Line:
    """One item of a subscription while its MRR is worked out.

    Attributes:
        price: The price object.
        quantity: The item's quantity.
        coupons: Live coupons of the item itself, in listed order.
        untaxed: The share of the price that is not tax.
    """

    price: Object
    quantity: int | None
    coupons: Sequence[Object]
    untaxed: Fraction = Fraction(1)


def _take(
    amounts: list[Fraction], lines: Sequence[Line], places: list[int], coupon: Object
) -> None:
    """Subtract one coupon from the amounts at these places."""
    products = (coupon.get("applies_to") or {}).get("products")
    places = [
        place
        for place in places
        if amounts[place] > 0 and (not products or lines[place].price["product"] in products)
    ]
    if not places:
        return
    if coupon.get("percent_off") is not None:
        kept = 1 - Fraction(str(coupon["percent_off"])) / 100
        for place in places:
            amounts[place] *= kept
        return

    def frequency(place: int) -> Fraction:
        recurring = lines[place].price["recurring"]
        return MONTHS[recurring["interval"]] / int(recurring["interval_count"])

    shortest = max(frequency(place) for place in places)
    places = [place for place in places if frequency(place) == shortest]
    off, total = coupon["amount_off"], sum(amounts[place] for place in places)
    if off >= total:
        for place in places:
            amounts[place] = Fraction(0)
        return
    exact = {place: off * amounts[place] / total for place in places}
    share = {place: exact[place].__floor__() for place in places}
    by_rest = sorted(places, key=lambda place: (share[place] - exact[place], place))
    for place in by_rest[: off - sum(share.values())]:
        share[place] += 1
    for place in places:
        amounts[place] = max(Fraction(0), amounts[place] - share[place])


def monthly(
    lines: Sequence[Line], coupons: Sequence[Object], durations: Sequence[str]
) -> list[int]:
    """Return the MRR of each item in millionths of a minor unit.

    Args:
        lines: The items in listed order.
        coupons: Live coupons of the subscription or, without those, of the customer.
        durations: Which coupons are subtracted.
    """
    amounts = [period_price(line.price, line.quantity) for line in lines]
    for place, line in enumerate(lines):
        for coupon in line.coupons:
            if coupon["duration"] in durations:
                _take(amounts, lines, [place], coupon)
    for coupon in coupons:
        if coupon["duration"] in durations:
            _take(amounts, lines, list(range(len(lines))), coupon)
    results = []
    for amount, line in zip(amounts, lines, strict=True):
        recurring = line.price.get("recurring") or {"interval": "month", "interval_count": 1}
        months = MONTHS[recurring["interval"]] / recurring["interval_count"]
        results.append(int(rounded(amount * months * line.untaxed, 6).scaleb(6)))
    return results
