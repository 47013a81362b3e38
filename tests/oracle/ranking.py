"""Who and what brings the MRR, from `docs/metrics.md` §9.

Belongs here: the plan mix and the top customers. Not here: what MRR is (`history`).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from tests.oracle.days import MICRO, Oracle, Value
from tests.oracle.money import major, ratio
from tests.oracle.revenue import Sums, portions

TOP = 100


@dataclass
class Plan:
    """What one price comes to at a close."""

    subscriptions: set[str] = field(default_factory=set)
    subscribers: set[str] = field(default_factory=set)
    quantity: int = 0
    mrr: tuple[int, int, int] = (0, 0, 0)


def plan_mix(oracle: Oracle) -> Sums:
    """Return the active items by currency, month and price, at each month's close."""
    lasts: dict[dt.date, dt.date] = {}
    for day in sorted(oracle.states):
        if day >= oracle.first_day:
            lasts[day.replace(day=1)] = day
    found: Sums = {}
    for month, last in lasts.items():
        for (currency, price), plan in _plans(oracle, last).items():
            whole = sum(oracle.mrr(last, currency).values())
            found[currency, month, price] = {
                "subscriptions": len(plan.subscriptions),
                "subscribers": len(plan.subscribers),
                "quantity": plan.quantity,
                **{
                    name: _amount(micros, currency)
                    for name, micros in zip(("mrr_gross", "mrr", "mrr_net"), plan.mrr, strict=True)
                },
                "mrr_share": ratio(plan.mrr[1], whole),
            }
    return found


def _plans(oracle: Oracle, day: dt.date) -> dict[tuple[str, str], Plan]:
    plans: dict[tuple[str, str], Plan] = defaultdict(Plan)
    paid: dict[tuple[str, str, str], int] = defaultdict(int)
    for timeline, state in oracle.states[day]:
        if not state.active:
            continue
        for item, (price, quantity) in state.sold.items():
            plan = plans[timeline.now["currency"], price]
            plan.subscriptions.add(timeline.now["id"])
            plan.quantity += quantity or 0
            gross, default, net = state.mrr[item]
            plan.mrr = (plan.mrr[0] + gross, plan.mrr[1] + default, plan.mrr[2] + net)
            paid[timeline.now["currency"], price, timeline.now["customer"]] += default
    for (currency, price, customer), micros in paid.items():
        if micros > 0:
            plans[currency, price].subscribers.add(customer)
    return plans


def top_customers(oracle: Oracle) -> Sums:
    """Return the first hundred by MRR and by revenue, by currency and customer."""
    revenue: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in portions(oracle):
        if one.customer is not None and oracle.first_day <= one.day <= oracle.today:
            revenue[one.currency][one.customer] += one.amount
    found: Sums = {}
    for currency in oracle.currencies():
        mrr, net = oracle.mrr(oracle.today, currency), revenue[currency]
        by_mrr, by_net = _ranked(mrr), _ranked(net)
        for customer in mrr.keys() | net.keys():
            ranks = by_mrr.get(customer), by_net.get(customer)
            if min(rank or TOP + 1 for rank in ranks) > TOP:
                continue
            found[currency, customer] = {
                "mrr": _amount(mrr.get(customer, 0), currency),
                "mrr_share": ratio(mrr.get(customer, 0), sum(mrr.values())),
                "net_revenue": major(net.get(customer, 0), currency),
                "mrr_rank": ranks[0],
                "revenue_rank": ranks[1],
            }
    return found


def _ranked(amounts: dict[str, int]) -> dict[str, int]:
    order = sorted((-amount, who) for who, amount in amounts.items() if amount > 0)
    return {who: place for place, (_, who) in enumerate(order, start=1)}


def _amount(micros: int, currency: str) -> Value:
    return major(Fraction(micros, MICRO), currency)
