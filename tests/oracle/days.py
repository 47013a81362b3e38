"""Every metric of every day, by asking what was at each close.

Belongs here: `docs/metrics.md` §2 and §3 and the assembly of a day. Not here: what a subscription
was (`history`), payments (`payments`).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from tests.dbt_project.landing import Load
from tests.oracle.history import State, Timeline
from tests.oracle.money import exponent, major, ratio
from tests.oracle.payments import Payments
from tests.oracle.readings import Readings

Value = Decimal | int | None
Days = dict[dt.date, dict[str, dict[str, Value]]]
ONE_DAY = dt.timedelta(days=1)
MICRO = 1_000_000


class Oracle:
    """All numbers of one account."""

    def __init__(self, loads: Iterable[Load]) -> None:
        """Read the loads and work out every close since the first subscription."""
        self.readings = readings = Readings.of(loads)
        self.first_day = readings.day(readings.history_start)
        self.today = readings.day(readings.now)
        self.timelines = [Timeline(readings, key) for key in readings.newest["subscriptions"]]
        self.payments = Payments(readings)
        begins = [readings.day(timeline.start) for timeline in self.timelines]
        self._begin = min([self.first_day - 31 * ONE_DAY, *begins])
        # By day: each living subscription's state; by currency and customer: the default MRR.
        self.states: dict[dt.date, list[tuple[Timeline, State]]] = {}
        self.customers: dict[dt.date, dict[tuple[str, str], int]] = {}
        day = self._begin
        while day <= self.today:
            self._close(day)
            day += ONE_DAY

    def _close(self, day: dt.date) -> None:
        at = self.readings.close(day)
        living = [(timeline, timeline.at(at)) for timeline in self.timelines]
        self.states[day] = [(timeline, state) for timeline, state in living if state is not None]
        totals: dict[tuple[str, str], int] = defaultdict(int)
        for timeline, state in self.states[day]:
            key = (timeline.now["currency"], timeline.now["customer"])
            totals[key] += sum(mrr[1] for mrr in state.mrr.values())
        self.customers[day] = {key: value for key, value in totals.items() if value > 0}

    def currencies(self) -> list[str]:
        """Return every currency with business in it and the default one."""
        found = {self.readings.currency}
        for stream in ("subscriptions", "charges", "invoices"):
            found |= {item["currency"] for item in self.readings.objects(stream)}
        return sorted(found | self.payments.currencies())

    def numbers(self) -> Days:
        """Return every metric of every day of the window by currency."""
        days: Days = {}
        for currency in self.currencies():
            movements = self.movements(currency)
            day = self.first_day
            while day <= self.today:
                days.setdefault(day, {})[currency] = {
                    **self._states(day, currency),
                    **self._moved(day, currency, movements),
                    **self._counted(day, currency),
                    **self._of_customers(day),
                    **self.payments.numbers(day, currency, self.first_day),
                }
                day += ONE_DAY
        return days

    def mrr(self, day: dt.date, currency: str) -> dict[str, int]:
        """Return the MRR of each paying customer at a close, millionths of a minor unit."""
        return {
            customer: value
            for (of, customer), value in self.customers.get(day, {}).items()
            if of == currency
        }

    def _states(self, day: dt.date, currency: str) -> dict[str, Value]:
        mine = [s for t, s in self.states[day] if t.now["currency"] == currency]
        gross, default, net = (
            sum(mrr[which] for state in mine for mrr in state.mrr.values()) for which in range(3)
        )
        subscribers = len(self.mrr(day, currency))
        unit = MICRO * 10 ** exponent(currency)
        return {
            "mrr_gross": major(Fraction(gross, MICRO), currency),
            "mrr": major(Fraction(default, MICRO), currency),
            "mrr_net": major(Fraction(net, MICRO), currency),
            "arr": major(Fraction(12 * default, MICRO), currency),
            "active_subscriptions": sum(state.active for state in mine),
            "trialing_subscriptions": sum(state.status == "trialing" for state in mine),
            "active_subscribers": subscribers,
            "arpu": ratio(Fraction(default, unit), subscribers),
        }

    def movements(self, currency: str) -> dict[dt.date, dict[str, tuple[str, int]]]:
        """Return by day and customer the kind of movement and its amount."""
        moved: dict[dt.date, dict[str, tuple[str, int]]] = {}
        paid_before: set[str] = set()
        opening: dict[str, int] = {}
        day = self._begin
        while day <= self.today:
            closing = self.mrr(day, currency)
            kinds = {}
            for customer in sorted(opening.keys() | closing.keys()):
                was, now = opening.get(customer, 0), closing.get(customer, 0)
                if was == now:
                    continue
                if was == 0:
                    kind = "reactivation" if customer in paid_before else "new"
                elif now == 0:
                    kind = "churn"
                else:
                    kind = "expansion" if now > was else "contraction"
                kinds[customer] = (kind, now - was)
            moved[day] = kinds
            paid_before |= closing.keys()
            opening = closing
            day += ONE_DAY
        return moved

    def _moved(
        self, day: dt.date, currency: str, movements: dict[dt.date, dict[str, tuple[str, int]]]
    ) -> dict[str, Value]:
        today = movements[day].values()
        sums = {
            kind: sum(change for found, change in today if found == kind)
            for kind in ("new", "reactivation", "expansion", "contraction", "churn")
        }
        counts = {kind: sum(found == kind for found, _ in today) for kind in sums}
        opening, closing = self.mrr(day - 30 * ONE_DAY, currency), self.mrr(day, currency)
        month = [
            (customer, kind, change)
            for back in range(30)
            for customer, (kind, change) in movements[day - back * ONE_DAY].items()
        ]
        lost = -sum(change for _, kind, change in month if kind in ("churn", "contraction"))
        won = sum(change for _, kind, change in month if kind in ("expansion", "reactivation"))
        churned = {customer for customer, kind, _ in month if kind == "churn"}
        at_risk = set(opening) | {
            customer for customer, kind, _ in month if kind in ("new", "reactivation")
        }
        before, now = sum(opening.values()), sum(closing.values())
        # What the 30 days began with lies before the window on its first 30 days: not known.
        known = before if day - 30 * ONE_DAY >= self.first_day else 0
        unit = MICRO * 10 ** exponent(currency)
        came = sum(change for _, kind, change in month if kind == "new") + won
        return {
            "quick_ratio": ratio(came, lost) if day - 30 * ONE_DAY >= self.first_day else None,
            "mrr_opening": major(Fraction(now - sum(sums.values()), MICRO), currency),
            **{f"mrr_{kind}": major(Fraction(sums[kind], MICRO), currency) for kind in sums},
            "new_subscribers": counts["new"],
            "reactivated_subscribers": counts["reactivation"],
            "churned_subscribers": counts["churn"],
            "customer_churn_rate_30d": ratio(len(churned), len(at_risk)),
            "gross_mrr_churn_rate": ratio(lost, known),
            "net_mrr_churn_rate": ratio(lost - won, known),
            "grr": ratio(sum(min(closing.get(c, 0), was) for c, was in opening.items()), known),
            "nrr": ratio(sum(closing.get(c, 0) for c in opening), known),
            "ltv": ratio(Fraction(now, unit) * len(at_risk), len(closing) * len(churned)),
        }

    def _counted(self, day: dt.date, currency: str) -> dict[str, Value]:
        new = trials = churned = conversions = 0
        converted, lost = self.trials(day, currency)
        for timeline in self.timelines:
            if timeline.now["currency"] != currency:
                continue
            active = timeline.first_active
            new += active is not None and self.readings.day(active) == day
            began = timeline.now.get("trial_start")
            if began == timeline.start and began <= self.readings.now:
                trials += self.readings.day(began) == day
                conversions += active is not None and self.readings.day(active) == day
            churned += (
                active is not None
                and timeline.end is not None
                and self.readings.day(timeline.end) == day
            )
        return {
            "new_subscriptions": new,
            "trial_starts": trials,
            "churned_subscriptions": churned,
            "trial_conversions": conversions,
            "trial_conversion_rate": ratio(converted, converted + lost),
        }

    def trials(self, day: dt.date, currency: str) -> tuple[int, int]:
        """Return how many trials that started on a day have converted by now, and are lost."""
        started = [
            timeline
            for timeline in self.timelines
            if timeline.now["currency"] == currency
            and timeline.now.get("trial_start") == timeline.start
            and timeline.start <= self.readings.now
            and self.readings.day(timeline.start) == day
        ]
        converted = sum(timeline.first_active is not None for timeline in started)
        waiting = sum(t.first_active is None and t.is_trialing for t in started)
        return converted, len(started) - converted - waiting

    def _of_customers(self, day: dt.date) -> dict[str, Value]:
        def alive(on: dt.date) -> int:
            at = self.readings.close(on)
            return sum(born <= at and (died is None or died > at) for born, died in self._lifetimes)

        count, before = alive(day), alive(day - 30 * ONE_DAY)
        return {
            "customer_count": count,
            "new_customers": sum(self.readings.day(born) == day for born, _ in self._lifetimes),
            "customer_growth_rate": ratio(count - before, before),
        }

    @cached_property
    def _lifetimes(self) -> list[tuple[int, int | None]]:
        deleted = {
            event["data"]["object"]["id"]: event
            for event in self.readings.events
            if event["type"] == "customer.deleted"
        }
        created = {item["id"]: item["created"] for item in self.readings.objects("customers")}
        for key, event in deleted.items():
            created.setdefault(key, event["data"]["object"]["created"])
        found: list[tuple[int, int | None]] = []
        for key, born in created.items():
            died = self.readings.tombstones.get(("customers", key))
            if key in deleted:
                died = deleted[key]["created"]
            elif died is not None:
                own = [t for t in self.timelines if t.now["customer"] == key]
                ends = [timeline.end for timeline in own]
                if ends and None not in ends:
                    died = max(end for end in ends if end is not None)
            found.append((born, died))
        return found
