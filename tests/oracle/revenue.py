"""What revenue was for and whence it came, from `docs/metrics.md` §9.

Belongs here: revenue lines and their sums by product and by country. Not here: how much revenue
there was (`payments`).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.oracle.days import Oracle, Value
from tests.oracle.lines import discounted
from tests.oracle.money import major
from tests.oracle.readings import Object

Sums = dict[tuple[Any, ...], dict[str, Value]]
KINDS = ("gross_revenue", "refunds", "disputes")


@dataclass(frozen=True)
class Portion:
    """A part of a charge, a refund or a moved dispute that belongs to one invoice line.

    Attributes:
        day: The local day of the source.
        currency: Its currency.
        kind: One of `KINDS`.
        amount: Minor units; positive where money came in.
        product: The line's product.
        price: The line's price.
        country: The charge's country.
        customer: The charge's customer.
    """

    day: dt.date
    currency: str
    kind: str
    amount: int
    product: str | None
    price: str | None
    country: str | None
    customer: str | None


def portions(oracle: Oracle) -> Iterator[Portion]:
    """Return every portion of the revenue of an account."""
    readings = oracle.readings
    for kind, at, currency, amount, charge in oracle.payments.moved:
        country = _country(charge, readings.newest["customers"]) if charge else None
        sign = -1 if amount < 0 else 1
        for share, line in _shared(abs(amount), oracle.payments.invoice_of(charge)):
            price = ((line or {}).get("pricing") or {}).get("price_details") or {}
            yield Portion(
                readings.day(at),
                currency,
                kind,
                sign * share,
                price.get("product"),
                price.get("price"),
                country,
                charge["customer"] if charge else None,
            )


def _country(charge: Object, customers: dict[str, Object]) -> str | None:
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    customer = customers.get(charge["customer"] or "", {})
    for address in (
        (charge.get("billing_details") or {}).get("address"),
        card,
        customer.get("address"),
    ):
        if address and address.get("country"):
            return str(address["country"])
    return None


def _shared(amount: int, invoice: Object | None) -> list[tuple[int, Object | None]]:
    """Share a positive amount over the lines of an invoice, by largest remainder."""
    lines = invoice["lines"]["data"] if invoice else []
    weights = [_weight(line) for line in lines]
    total = sum(weights)
    if total <= 0:
        return [(amount, None)]
    exact = [Fraction(amount * weight, total) for weight in weights]
    shares = [share.__floor__() for share in exact]
    by_rest = sorted(range(len(lines)), key=lambda place: (shares[place] - exact[place], place))
    for place in by_rest[: amount - sum(shares)]:
        shares[place] += 1
    return [(share, line) for share, line in zip(shares, lines, strict=True) if share]


def _weight(line: Object) -> int:
    exclusive = sum(
        tax["amount"] for tax in line.get("taxes") or [] if tax["tax_behavior"] == "exclusive"
    )
    return int(line["amount"]) - discounted(line) + exclusive


def by_product(oracle: Oracle) -> Sums:
    """Return revenue by currency, month, product and price."""
    return _summed(oracle, lambda one: (one.product, one.price))


def by_country(oracle: Oracle) -> Sums:
    """Return revenue by currency, month and country."""
    return _summed(oracle, lambda one: (one.country,))


def _summed(oracle: Oracle, of: Any) -> Sums:
    sums: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(KINDS, 0))
    for one in portions(oracle):
        if oracle.first_day <= one.day <= oracle.today:
            key = (one.currency, one.day.replace(day=1), *of(one))
            sums[key][one.kind] += one.amount if one.kind == "gross_revenue" else -one.amount
    return {
        key: {
            **{kind: major(found[kind], key[0]) for kind in KINDS},
            "net_revenue": major(
                found["gross_revenue"] - found["refunds"] - found["disputes"], key[0]
            ),
        }
        for key, found in sums.items()
    }
