"""Exact amounts: the price of an item by month, in every discounting.

What belongs here: `docs/metrics.md` §0 and §1 for one subscription at one instant. What does not:
time and customers (`mrr`). Everything is a fraction until it is rounded once, at the item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from stripe_simulator.world.state import Coupon, Price

_NO_DECIMALS = {
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
}
_THREE_DECIMALS = {"bhd", "jod", "kwd", "omr", "tnd"}
MONTHLY = {
    "year": Fraction(1, 12),
    "month": Fraction(1),
    "week": Fraction(365, 84),
    "day": Fraction(365, 12),
}
MICRO = 10**6


def exponent(currency: str) -> int:
    """How many decimals a currency has on the wire (`docs/metrics.md` §0)."""
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def major(minor: int | Fraction, currency: str) -> Decimal:
    """Minor units as an exact amount of the currency."""
    exact = Fraction(minor) / 10 ** exponent(currency)
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def half_up(value: Fraction, decimals: int) -> Decimal:
    """`value` to so many decimals, halves away from zero."""
    scaled = value * 10**decimals
    magnitude = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(magnitude if scaled >= 0 else -magnitude).scaleb(-decimals)


def period_amount(price: Price, quantity: int | None) -> Fraction:
    """What one period of `quantity` units costs in minor units; metered usage counts nothing."""
    if price.metered or quantity is None or price.interval is None:
        return Fraction(0)
    units = quantity
    if price.divide_by:
        units = -(-quantity // price.divide_by) if price.round_up else quantity // price.divide_by
    if not price.tiers:
        return Fraction(price.unit or 0) * units
    tiers = [
        (tier.up_to, Fraction(tier.unit or 0), Fraction(tier.flat or 0)) for tier in price.tiers
    ]
    if price.tiers_mode == "volume":
        unit, flat = next((u, f) for limit, u, f in tiers if limit is None or units <= limit)
        return unit * units + flat
    total, below = tiers[0][2], 0
    for place, (limit, unit, flat) in enumerate(tiers):
        if place and units <= below:
            break
        top = units if limit is None else min(units, limit)
        total += unit * (top - below) + (flat if place else 0)
        below = top if limit is None else limit
    return total


@dataclass(frozen=True, slots=True)
class Part:
    """One item: its price, its quantity and the coupons that are its own."""

    item: str
    price: Price
    quantity: int | None
    coupons: tuple[Coupon, ...] = ()


def monthly_micro(
    parts: Sequence[Part], coupons: Sequence[Coupon], tax_percent: Decimal = Decimal(0)
) -> dict[str, int]:
    """MRR of each item after discounts, in millionths of a minor unit, rounded half-up once.

    Args:
        parts: The items in listed order, each with the live coupons of its own.
        coupons: Those of the subscription (or, if it has none, of the customer), in listed order.
        tax_percent: The tax that the prices include.
    """
    without_tax = 1 / (1 + Fraction(tax_percent) / 100)
    amounts = [period_amount(part.price, part.quantity) for part in parts]
    for place, part in enumerate(parts):
        for coupon in part.coupons:
            _reduce(amounts, parts, [place], coupon)
    for coupon in coupons:
        _reduce(amounts, parts, list(range(len(parts))), coupon)
    micros = {}
    for part, amount in zip(parts, amounts, strict=True):
        factor = MONTHLY[part.price.interval or "month"] / part.price.interval_count
        value = max(Fraction(0), amount) * without_tax * factor * MICRO
        micros[part.item] = (2 * value.numerator + value.denominator) // (2 * value.denominator)
    return micros


def _reduce(
    amounts: list[Fraction], parts: Sequence[Part], places: list[int], coupon: Coupon
) -> None:
    """Take one coupon off the amounts of the items at `places` that it applies to."""
    chosen = [
        place
        for place in places
        if not coupon.products or parts[place].price.product in coupon.products
    ]
    if coupon.percent is not None:
        for place in chosen:
            amounts[place] -= amounts[place] * Fraction(coupon.percent) / 100
        return
    # An amount is taken off each invoice: the invoices of the shortest interval.
    chosen = [place for place in chosen if amounts[place] > 0]
    if not chosen:
        return
    lengths = {place: _length(parts[place].price) for place in chosen}
    chosen = [place for place in chosen if lengths[place] == min(lengths.values())]
    total = sum(amounts[place] for place in chosen)
    off = min(Fraction(coupon.amount or 0), total)
    exact = {place: off * amounts[place] / total for place in chosen}
    shares = {place: Fraction(exact[place] // 1) for place in chosen}
    rest = off - sum(shares.values())
    by_remainder = sorted(chosen, key=lambda place: shares[place] - exact[place])
    for place in by_remainder[: int(rest)]:
        shares[place] += 1
    largest = max(chosen, key=lambda place: amounts[place])
    shares[largest] += rest - int(rest)
    for place in chosen:
        amounts[place] = max(Fraction(0), amounts[place] - shares[place])


def _length(price: Price) -> Fraction:
    """Periods are compared by their part of a month: the larger the factor, the shorter."""
    return price.interval_count / MONTHLY[price.interval or "month"]
