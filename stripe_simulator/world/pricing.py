"""What things cost, in whole minor units, as an invoice charges them.

What belongs here: amounts of prices. What does not: invoices, and MRR (which is not rounded so).
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from stripe_simulator.world.state import Price


def round_half_up(value: Fraction) -> int:
    """Nearest whole minor unit, halves away from zero, as Stripe rounds amounts."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def parts(price: Price, quantity: int) -> Iterator[tuple[int, int]]:
    """Units and amount of each line that `quantity` of a price makes: one, or one a graduated tier.

    Args:
        price: The price.
        quantity: Set or, for metered prices, used.
    """
    if not price.tiers:
        units = quantity
        if price.divide_by is not None:
            whole, rest = divmod(quantity, price.divide_by)
            units = whole + (1 if rest and price.round_up else 0)
        yield quantity, round_half_up(Fraction(price.unit or 0) * units)
        return
    lower = 0
    for place, tier in enumerate(price.tiers):
        upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
        is_last = tier.up_to is None or quantity <= tier.up_to
        unit, flat = Fraction(tier.unit or 0), Fraction(tier.flat or 0)
        if price.tiers_mode == "volume":
            if is_last:
                yield quantity, round_half_up(unit * quantity + flat)
                return
        elif upper > lower or place == 0:
            yield upper - lower, round_half_up(unit * (upper - lower) + flat)
        if is_last:
            return
        lower = upper


def amount(price: Price, quantity: int | None) -> int:
    """What a period of a licensed price costs; metered prices cost what is used, so nothing yet."""
    if price.metered or quantity is None:
        return 0
    return sum(cost for _, cost in parts(price, quantity))
