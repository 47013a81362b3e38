"""What a customer's movement is made of, from `docs/metrics.md` §9.

Belongs here: `fct_mrr_movement_items`. Not here: movements (`days`), MRR (`history`).
"""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Any

from tests.oracle.days import MICRO, ONE_DAY, Oracle
from tests.oracle.history import Timeline
from tests.oracle.money import major

# An item as a close saw it: price, quantity, default MRR in millionths of a minor unit.
Item = tuple[str, int | None, int]
ABSENT = (None, None, 0)


def movement_items(oracle: Oracle) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the items that moved by customer, currency, day, subscription and item."""
    kinds = {currency: oracle.movements(currency) for currency in oracle.currencies()}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    day = oracle.first_day
    before = _items(oracle, day - ONE_DAY)
    while day <= oracle.today:
        after = _items(oracle, day)
        for timeline, item in before.keys() | after.keys():
            was = before.get((timeline, item), ABSENT)
            now = after.get((timeline, item), ABSENT)
            currency, customer = timeline.now["currency"], timeline.now["customer"]
            moved = kinds[currency][day].get(customer)
            if was[2] == now[2] or moved is None:
                continue
            found[customer, currency, day, timeline.now["id"], item] = {
                "movement": moved[0],
                "price_id_before": was[0],
                "price_id_after": now[0],
                "quantity_before": was[1],
                "quantity_after": now[1],
                "mrr_before": major(Fraction(was[2], MICRO), currency),
                "mrr_after": major(Fraction(now[2], MICRO), currency),
                "mrr_change": major(Fraction(now[2] - was[2], MICRO), currency),
            }
        before = after
        day += ONE_DAY
    return found


def _items(oracle: Oracle, day: dt.date) -> dict[tuple[Timeline, str], Item]:
    return {
        (timeline, item): (price, quantity, state.mrr[item][1])
        for timeline, state in oracle.states[day]
        for item, (price, quantity) in state.sold.items()
    }
