"""Counts of subscriptions, subscribers and customers by day, and the rates made of them.

What belongs here: `docs/metrics.md` §3. What does not: how MRR comes about (`mrr`).
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from stripe_simulator.ledger.calendar import Calendar
from stripe_simulator.ledger.money import MICRO, exponent, half_up
from stripe_simulator.ledger.mrr import COUNTING, ZERO, Movement, MrrHistory, Triple
from stripe_simulator.world import log
from stripe_simulator.world.account import Account

WINDOW = 30
Value = Decimal | int | None


@dataclass(slots=True)
class Close:
    """One currency at the close of one day."""

    mrr: Triple = ZERO
    by_customer: dict[str, int] = field(default_factory=dict)
    active: int = 0
    trialing: int = 0


def ratio(above: int | Fraction, below: int | Fraction) -> Decimal | None:
    """A rate with six decimals; None where there is nothing to divide by."""
    return None if below == 0 else half_up(Fraction(above) / Fraction(below), 6)


class Counts:
    """Reads day by day, in order, everything of §1 to §3."""

    def __init__(self, account: Account, history: MrrHistory, first_sync: int) -> None:
        """Prepare the sweep.

        Args:
            account: The account.
            history: Its MRR.
            first_sync: Unix seconds; customers deleted more than 30 days before it left no trace.
        """
        self._history = history
        self._calendar = Calendar(account.timezone)
        self._movements: dict[tuple[date, str], list[Movement]] = defaultdict(list)
        for movement in history.movements:
            self._movements[movement.day, movement.currency].append(movement)
        self._births, self._deaths, self.new = self._customers(account, first_sync)

    def _customers(
        self, account: Account, first_sync: int
    ) -> tuple[list[date], list[date], Counter[date]]:
        created: dict[str, int] = {}
        deleted: dict[str, int] = {}
        for decision in account.log:
            if isinstance(decision, log.CustomerCreated):
                created[decision.customer] = decision.at
            elif isinstance(decision, log.CustomerDeleted):
                deleted[decision.customer] = decision.at
        floor = first_sync - WINDOW * 86_400
        for customer in [c for c, at in deleted.items() if at < floor]:
            del created[customer], deleted[customer]
        births = sorted(self._calendar.day(at) for at in created.values())
        deaths = sorted(self._calendar.day(at) for at in deleted.values())
        return births, deaths, Counter(births)

    def customer_count(self, day: date) -> int:
        """Customers created by the close of `day` and not deleted by then."""
        after = day + timedelta(days=1)
        return bisect_left(self._births, after) - bisect_left(self._deaths, after)

    def closes(self, currency: str, first: date, last: date) -> dict[date, Close]:
        """The closes of every day from `first` to `last`."""
        history = self._history
        mrr: dict[str, Triple] = {}
        status: dict[str, str] = {}
        changes: dict[date, list[tuple[str, str]]] = defaultdict(list)
        for day, subscription, value in history.statuses:
            if subscription.currency == currency:
                changes[day].append((subscription.id, value))
        total, active, trialing = ZERO, 0, 0
        days = sorted({*changes, *history.closings})
        begin = min([first, *days[:1]])
        found: dict[date, Close] = {}
        for day in Calendar.days(begin, last):
            for customer_currency, closing in history.closings.get(day, {}).items():
                customer, of = customer_currency
                if of != currency:
                    continue
                old = mrr.get(customer, ZERO)
                total = (
                    total[0] + closing[0] - old[0],
                    total[1] + closing[1] - old[1],
                    total[2] + closing[2] - old[2],
                )
                mrr[customer] = closing
            for subscription_id, value in changes.get(day, ()):
                old_value = status.get(subscription_id, "")
                active += (value in COUNTING) - (old_value in COUNTING)
                trialing += (value == "trialing") - (old_value == "trialing")
                status[subscription_id] = value
            if day >= first:
                positive = {customer: own[1] for customer, own in mrr.items() if own[1] > 0}
                found[day] = Close(total, positive, active, trialing)
        return found

    def numbers(self, currency: str, first: date, last: date) -> dict[date, dict[str, Value]]:
        """Every column of §1 to §3 for each day."""
        closes = self.closes(currency, first - timedelta(days=WINDOW), last)
        before_first = self.closes(currency, first - timedelta(days=WINDOW + 1), last)
        return {
            day: self._day(currency, day, closes, before_first)
            for day in Calendar.days(first, last)
        }

    def _day(
        self, currency: str, day: date, closes: dict[date, Close], before: dict[date, Close]
    ) -> dict[str, Value]:
        close = closes[day]
        yesterday = before[day - timedelta(days=1)]
        moved = self._movements.get((day, currency), [])
        kinds = Counter(movement.kind for movement in moved)
        sums: Counter[str] = Counter()
        for movement in moved:
            sums[movement.kind] += movement.closing - movement.opening
        history = self._history
        micro = MICRO * 10 ** exponent(currency)

        def money(value: int) -> Decimal:
            return half_up(Fraction(value, micro), 9)

        def of_currency(day_lists: dict[date, list]) -> int:  # type: ignore[type-arg]
            return sum(1 for found in day_lists.get(day, ()) if found.currency == currency)

        count = self.customer_count(day)
        count_before = self.customer_count(day - timedelta(days=WINDOW))
        return {
            "mrr_gross": money(close.mrr[0]),
            "mrr": money(close.mrr[1]),
            "mrr_net": money(close.mrr[2]),
            "arr": money(12 * close.mrr[1]),
            "estimated_mrr_share": None,
            "mrr_opening": money(yesterday.mrr[1]),
            "mrr_new": money(sums["new"]),
            "mrr_reactivation": money(sums["reactivation"]),
            "mrr_expansion": money(sums["expansion"]),
            "mrr_contraction": money(sums["contraction"]),
            "mrr_churn": money(sums["churn"]),
            "active_subscriptions": close.active,
            "trialing_subscriptions": close.trialing,
            "active_subscribers": len(close.by_customer),
            "new_subscriptions": of_currency(history.first_active),
            "trial_starts": of_currency(history.trial_starts),
            **self._trials(currency, day),
            "churned_subscriptions": of_currency(history.ended_active),
            "new_subscribers": kinds["new"],
            "reactivated_subscribers": kinds["reactivation"],
            "churned_subscribers": kinds["churn"],
            **self._window(currency, day, close, closes[day - timedelta(days=WINDOW)], micro),
            "customer_count": count,
            "new_customers": self.new[day],
            "customer_growth_rate": ratio(count - count_before, count_before),
        }

    def _trials(self, currency: str, day: date) -> dict[str, Value]:
        """Conversions on the day, and what became by now of the trials that began on it."""
        began = [
            trial for trial in self._history.trial_starts.get(day, ()) if trial.currency == currency
        ]
        converted = sum(trial.was_active for trial in began)
        lost = sum(not trial.was_active and trial.status != "trialing" for trial in began)
        return {
            "trial_conversions": sum(
                first.began_with_trial and first.currency == currency
                for first in self._history.first_active.get(day, ())
            ),
            "trial_conversion_rate": ratio(converted, converted + lost),
        }

    def _window(
        self, currency: str, day: date, close: Close, opening: Close, micro: int
    ) -> dict[str, Value]:
        """The rates over the last 30 days."""
        moved = [
            movement
            for back in range(WINDOW)
            for movement in self._movements.get((day - timedelta(days=back), currency), ())
        ]
        churned = {movement.customer for movement in moved if movement.kind == "churn"}
        base = set(opening.by_customer) | {
            movement.customer for movement in moved if movement.kind in ("new", "reactivation")
        }
        lost = -sum(
            movement.closing - movement.opening
            for movement in moved
            if movement.kind in ("churn", "contraction")
        )
        won = sum(
            movement.closing - movement.opening
            for movement in moved
            if movement.kind in ("expansion", "reactivation")
        )
        fresh = sum(movement.closing for movement in moved if movement.kind == "new")
        start = opening.mrr[1]
        kept = [
            (close.by_customer.get(customer, 0), value)
            for customer, value in opening.by_customer.items()
        ]
        subscribers = len(close.by_customer)
        divisor = micro * subscribers
        return {
            "customer_churn_rate_30d": ratio(len(churned), len(base)),
            "gross_mrr_churn_rate": ratio(lost, start),
            "net_mrr_churn_rate": ratio(lost - won, start),
            "grr": ratio(sum(min(pair) for pair in kept), start),
            "nrr": ratio(sum(now for now, _ in kept), start),
            "quick_ratio": ratio(won + fresh, lost),
            "arpu": ratio(close.mrr[1], divisor),
            "ltv": ratio(close.mrr[1] * len(base), divisor * len(churned)),
        }
