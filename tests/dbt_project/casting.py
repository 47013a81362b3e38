"""How a case is put together and registered.

Belongs here: the mark of a case and the streams of an account. Not here: any case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.dbt_project.objects import Object, customer

Streams = dict[str, list[Object]]
Expected = Mapping[str, Any]
CASES: dict[str, Callable[[], tuple[Streams, Expected]]] = {}


def case(build: Callable[[], tuple[Streams, Expected]]) -> Callable[[], tuple[Streams, Expected]]:
    """Register a case under its name."""
    CASES[build.__name__] = build
    return build


def streams(*subscriptions: Object, coupons: tuple[Object, ...] = (), **more: Any) -> Streams:
    """Return subscriptions with the prices on their items and one customer for each."""
    prices = {
        part["price"]["id"]: part["price"] for s in subscriptions for part in s["items"]["data"]
    }
    for full in more.pop("prices", ()):
        prices[full["id"]] = full
    customers = {s["customer"]: customer(s["customer"]) for s in subscriptions}
    for known in more.pop("customers", ()):
        customers[known["id"]] = known
    return {
        "subscriptions": list(subscriptions),
        "prices": list(prices.values()),
        "customers": list(customers.values()),
        "coupons": list(coupons),
    } | more
