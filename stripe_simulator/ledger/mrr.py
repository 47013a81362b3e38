"""MRR of every item, customer and day, and its movements.

What belongs here: `docs/metrics.md` §1 and §2, from the log of decisions. What does not: counts
and rates (`counts`), payments (`payments`).
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from stripe_simulator.ledger.calendar import Calendar
from stripe_simulator.ledger.money import Part, monthly_micro
from stripe_simulator.world import log
from stripe_simulator.world.account import Account
from stripe_simulator.world.state import Coupon

COUNTING = ("active", "past_due")
_PAUSED_WITHOUT_REVENUE = ("void", "mark_uncollectible")
Triple = tuple[int, int, int]
ZERO: Triple = (0, 0, 0)


@dataclass(slots=True)
class Live:
    """A discount in the replay."""

    coupon: Coupon
    level: str
    target: str
    end: int | None


@dataclass(slots=True)
class Replayed:
    """A subscription in the replay, as of the last decision read."""

    id: str
    customer: str
    currency: str
    trial_start: int | None
    started: int
    status: str = ""
    pause: str | None = None
    tax_percent: Decimal = Decimal(0)
    items: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    discounts: dict[str, Live] = field(default_factory=dict)
    was_active: bool = False
    began_with_trial: bool = False
    removed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ItemClosing:
    """MRR of an item from the close of `day` on: gross, default and net, in micro minor units."""

    day: date
    customer: str
    currency: str
    subscription: str
    item: str
    mrr: Triple


@dataclass(frozen=True, slots=True)
class Movement:
    """A change of a customer's default MRR on one day, in micro minor units."""

    day: date
    customer: str
    currency: str
    kind: str
    opening: int
    closing: int


class MrrHistory:
    """The replay of an account's log up to its present."""

    def __init__(self, account: Account) -> None:
        """Replay everything that the account has decided so far."""
        self._account = account
        self._calendar = Calendar(account.timezone)
        self.subscriptions: dict[str, Replayed] = {}
        self.first_active: dict[date, list[Replayed]] = defaultdict(list)
        self.trial_starts: dict[date, list[Replayed]] = defaultdict(list)
        self.ended_active: dict[date, list[Replayed]] = defaultdict(list)
        # What each subscription counted as at the closes where that changed.
        self.statuses: list[tuple[date, Replayed, str]] = []
        self.item_closings: list[ItemClosing] = []
        self.movements: list[Movement] = []
        self.closings: dict[date, dict[tuple[str, str], Triple]] = {}
        self._customer_discounts: dict[str, dict[str, Live]] = defaultdict(dict)
        self._discount_holder: dict[str, dict[str, Live]] = {}
        self._item_owner: dict[str, str] = {}
        self._by_customer: dict[str, list[Replayed]] = defaultdict(list)
        self._current: dict[tuple[str, str], Triple] = {}
        self._positive: set[tuple[str, str]] = set()
        self._last_status: dict[str, str] = {}
        self._replay()

    def _replay(self) -> None:
        decisions = sorted(self._account.log, key=lambda decision: decision.at)
        ends = [
            (decision.end, decision)
            for decision in decisions
            if isinstance(decision, log.DiscountAttached)
            and decision.end is not None
            and decision.end <= self._account.now
        ]
        steps: list[tuple[int, int, object]] = [(d.at, 0, d) for d in decisions]
        steps += [(end, 1, log.DiscountDetached(end, d.discount)) for end, d in ends]
        steps.sort(key=lambda step: (step[0], step[1]))
        touched: dict[str, Replayed] = {}
        current: date | None = None
        for at, _, decision in steps:
            day = self._calendar.day(at)
            if day != current:
                if current is not None:
                    self._close(current, touched)
                touched = {}
                current = day
            for subscription in self._take(decision, day):
                touched[subscription.id] = subscription
        if current is not None:
            self._close(current, touched)

    def _take(self, decision: object, day: date) -> list[Replayed]:
        """Apply one decision; which subscriptions may count otherwise now."""
        if isinstance(decision, log.SubscriptionStarted):
            new = Replayed(
                decision.subscription,
                decision.customer,
                decision.currency,
                decision.trial_start,
                decision.at,
            )
            self.subscriptions[new.id] = new
            self._by_customer[new.customer].append(new)
            return [new]
        if isinstance(decision, log.StatusChanged):
            return [self._status(decision, day)]
        if isinstance(decision, log.CollectionPaused):
            subscription = self.subscriptions[decision.subscription]
            subscription.pause = decision.behavior
            return [subscription]
        if isinstance(decision, log.TaxSet):
            subscription = self.subscriptions[decision.subscription]
            subscription.tax_percent = decision.percent
            return [subscription]
        if isinstance(decision, log.ItemSet):
            subscription = self.subscriptions[decision.subscription]
            subscription.items[decision.item] = (decision.price, decision.quantity)
            self._item_owner[decision.item] = decision.subscription
            return [subscription]
        if isinstance(decision, log.ItemRemoved):
            subscription = self.subscriptions[decision.subscription]
            del subscription.items[decision.item]
            subscription.removed.append(decision.item)
            return [subscription]
        if isinstance(decision, log.DiscountAttached):
            return self._attach(decision)
        if isinstance(decision, log.DiscountDetached):
            holder = self._discount_holder.get(decision.discount, {})
            live = holder.pop(decision.discount, None)
            return [] if live is None else self._affected(live)
        return []

    def _status(self, decision: log.StatusChanged, day: date) -> Replayed:
        subscription = self.subscriptions[decision.subscription]
        subscription.status = decision.status
        begins = subscription.id not in self._last_status
        began_with_trial = subscription.trial_start == subscription.started
        if begins and began_with_trial and decision.status == "trialing":
            self.trial_starts[day].append(subscription)
            subscription.began_with_trial = True
        if decision.status in COUNTING and not subscription.was_active:
            subscription.was_active = True
            self.first_active[day].append(subscription)
        if decision.status == "canceled" and subscription.was_active:
            self.ended_active[day].append(subscription)
        self._last_status[subscription.id] = decision.status
        return subscription

    def _attach(self, decision: log.DiscountAttached) -> list[Replayed]:
        coupon = self._account.coupons[decision.coupon]
        live = Live(coupon, decision.level, decision.target, decision.end)
        if decision.level == "customer":
            # A customer has at most one discount: the new one takes the place of the old.
            self._customer_discounts[decision.target].clear()
            holder = self._customer_discounts[decision.target]
        else:
            owner = decision.target
            if decision.level == "item":
                owner = self._item_owner[decision.target]
            holder = self.subscriptions[owner].discounts
        holder[decision.discount] = live
        self._discount_holder[decision.discount] = holder
        return self._affected(live)

    def _affected(self, live: Live) -> list[Replayed]:
        if live.level == "customer":
            return self._by_customer[live.target]
        owner = live.target if live.level == "subscription" else self._item_owner[live.target]
        return [self.subscriptions[owner]]

    def _close(self, day: date, touched: dict[str, Replayed]) -> None:
        """Read the touched subscriptions at the end of `day` and compare with the day before."""
        customers: dict[str, None] = {}
        for subscription in touched.values():
            self.statuses.append((day, subscription, subscription.status))
            customers[subscription.customer] = None
            removed = dict.fromkeys(subscription.removed, ZERO)
            subscription.removed = []
            for item, mrr in (removed | self._items(subscription)).items():
                self.item_closings.append(
                    ItemClosing(
                        day,
                        subscription.customer,
                        subscription.currency,
                        subscription.id,
                        item,
                        mrr,
                    )
                )
        changed: dict[tuple[str, str], Triple] = {}
        for customer in customers:
            totals: dict[str, Triple] = {}
            for subscription in self._by_customer[customer]:
                before = totals.get(subscription.currency, ZERO)
                own = [*self._items(subscription).values()]
                totals[subscription.currency] = (
                    before[0] + sum(mrr[0] for mrr in own),
                    before[1] + sum(mrr[1] for mrr in own),
                    before[2] + sum(mrr[2] for mrr in own),
                )
            for currency, closing in totals.items():
                key = (customer, currency)
                opening = self._current.get(key, ZERO)
                if closing == opening:
                    continue
                changed[key] = closing
                kind = self._kind(key, opening[1], closing[1])
                if kind is not None:
                    self.movements.append(
                        Movement(day, customer, currency, kind, opening[1], closing[1])
                    )
        self._current.update(changed)
        if changed:
            self.closings[day] = changed

    def _kind(self, key: tuple[str, str], opening: int, closing: int) -> str | None:
        if opening == closing:
            return None
        if opening == 0:
            first = key not in self._positive
            self._positive.add(key)
            return "new" if first else "reactivation"
        if closing == 0:
            return "churn"
        return "expansion" if closing > opening else "contraction"

    def _items(self, subscription: Replayed) -> dict[str, Triple]:
        """The three MRRs of every item at the present point of the replay."""
        counts = (
            subscription.status in COUNTING and subscription.pause not in _PAUSED_WITHOUT_REVENUE
        )
        if not counts:
            return dict.fromkeys(subscription.items, ZERO)
        return {
            item: (gross, default, net)
            for (item, gross), default, net in zip(
                self._monthly(subscription, ()).items(),
                self._monthly(subscription, ("forever",)).values(),
                self._monthly(subscription, ("forever", "once", "repeating")).values(),
                strict=True,
            )
        }

    def _monthly(self, subscription: Replayed, durations: tuple[str, ...]) -> dict[str, int]:
        whole = [d for d in subscription.discounts.values() if d.level == "subscription"]
        if not whole:
            whole = [*self._customer_discounts[subscription.customer].values()]
        parts = [
            Part(
                item,
                self._account.prices[price],
                quantity,
                tuple(
                    live.coupon
                    for live in subscription.discounts.values()
                    if live.target == item and live.coupon.duration in durations
                ),
            )
            for item, (price, quantity) in subscription.items.items()
        ]
        coupons = [live.coupon for live in whole if live.coupon.duration in durations]
        return monthly_micro(parts, coupons, subscription.tax_percent)
