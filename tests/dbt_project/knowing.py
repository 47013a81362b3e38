"""What no import of a window of days can know of a world, and why.

Belongs here: each reason why a number of the ledger is not expected of the marts, as narrow as the
world's own decisions make it. Not here: comparing (`comparing`).

Everything else is compared, whatever kind of world it is.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stripe_simulator.store import ObjectStore
from stripe_simulator.world import World, log
from stripe_simulator.world.account import Account
from stripe_simulator.world.cases import CASES
from tests.dbt_project.worlds_drawn import UNTOLD, Chosen
from tests.oracle.readings import Readings

# Rates over the last 30 days that weigh by MRR need closings from before the window: they are NULL
# on its first 30 days, whatever another computation may know.
WEIGHTED_RATES = frozenset(
    {"gross_mrr_churn_rate", "net_mrr_churn_rate", "grr", "nrr", "quick_ratio"}
)
OVER_30_DAYS = WEIGHTED_RATES | {"customer_churn_rate_30d", "ltv"}
# What rests on payments and customers alone is known for the whole window.
PAYMENTS = frozenset(
    [
        "customer_count",
        "new_customers",
        "customer_growth_rate",
        "realised_revenue_per_customer",
        "payment_success_rate",
        "attempt_success_rate",
        "succeeded_payments",
        "pending_payments",
        "transaction_count",
        "failed_payments",
        "failed_amount",
        "failed_payments_unrecovered",
        "recovered_payments",
        "recovered_amount",
        "payment_recovery_rate",
        "hours_to_recovery",
        "gross_revenue",
        "refunds",
        "disputes",
        "net_revenue",
        "invoiced_revenue",
        "trial_starts",
        "churned_subscriptions",
    ]
)
# Discounts are not in these.
UNDISCOUNTED = frozenset(
    {"mrr_gross", "active_subscriptions", "trialing_subscriptions", "new_subscriptions"}
    | {"trial_conversions", "trial_conversion_rate"}
)
# A change early on a first local day that began before the imported window left its invoice
# outside; from the close of that day on MRR is right.
CHANGES = frozenset({"mrr_opening", "mrr_expansion", "mrr_contraction"})

FIRST_DAY = "the first local day began before the imported window"
NET_DISCOUNT = "a discount ended before the events begin and is on no imported invoice"
ORDER = "two discounts began in one second and no imported invoice lists both"
DISCOUNT = "such a discount took from MRR by default, or hid one that does"
STAGED = "a staged case changed what leaves no dated trace"
BEFORE = "the 30 days before rest on a staged case before the window"


@dataclass(frozen=True)
class Limits:
    """Until which day what is not known of an account; `date.min` where all of it is.

    Attributes:
        first_day: First day of the imported window.
        cuts_first_day: Whether the window begins in the middle of it.
        net_until: The last day on which a discount that nobody can see was live.
        discounts_until: The same, of one that decides what is subtracted by default.
        order_until: The last day on which a discount was live, gone since, whose place among those
            that are still listed nobody can see.
        staged_until: The last day before events tell of staged cases that leave no trace.
        is_staged: Whether cases are staged at all.
    """

    first_day: dt.date
    cuts_first_day: bool = False
    net_until: dt.date = dt.date.min
    discounts_until: dt.date = dt.date.min
    order_until: dt.date = dt.date.min
    staged_until: dt.date = dt.date.min
    is_staged: bool = False

    def why_unknown(self, metric: str, day: dt.date) -> str | None:
        """Return why a metric of a day cannot be known, or None if it is to be compared."""
        if metric in PAYMENTS:
            return None
        last = day - dt.timedelta(days=30) if metric in OVER_30_DAYS else day
        # A movement of the day after is one from what was not known.
        last -= dt.timedelta(days=1)
        if last <= self.staged_until:
            return STAGED
        if self.is_staged and last < self.first_day - dt.timedelta(days=1):
            return BEFORE
        if metric == "mrr_net":
            if day <= max(self.net_until, self.discounts_until):
                return NET_DISCOUNT
            return ORDER if day <= self.order_until else None
        if metric not in UNDISCOUNTED and last <= self.discounts_until:
            return DISCOUNT
        if self.cuts_first_day and metric in CHANGES and day == self.first_day:
            return FIRST_DAY
        return None


def limits(
    chosen: Chosen,
    world: World,
    store: ObjectStore,
    account_id: str,
    readings: Readings,
    history_start: int,
) -> Limits:
    """Work out from a world's own decisions what its import cannot know.

    Args:
        chosen: How the world was made.
        world: The world.
        store: Its objects.
        account_id: One of its accounts.
        readings: What was imported of it.
        history_start: From when invoices are imported.
    """
    first_day = readings.day(history_start)
    watched_from = readings.watched_from
    cases = _cases(chosen)
    account = world.account(account_id)
    lists = _lists(store, account_id, history_start)
    hidden = list(_hidden(account, set().union(*lists), history_start, watched_from))
    net = [readings.day(end) for end, _ in hidden]
    unordered = list(_unordered(account, lists, history_start, watched_from))
    order = [readings.day(end) for end, _ in unordered]
    default = [readings.day(end) for end, decides in hidden + unordered if decides]
    return Limits(
        first_day,
        cuts_first_day=readings.close(first_day - dt.timedelta(days=1)) + 1 < history_start,
        net_until=max(net, default=dt.date.min),
        discounts_until=max(default, default=dt.date.min),
        order_until=max(order, default=dt.date.min),
        staged_until=_staged_until(cases, readings.day(watched_from)),
        is_staged=bool(cases),
    )


def _staged_until(cases: tuple[str, ...], watched_from: dt.date) -> dt.date:
    if UNTOLD.intersection(cases):
        return dt.date.max
    return dt.date.min if all(CASES[name].exact for name in cases) else watched_from


def _cases(chosen: Chosen) -> tuple[str, ...]:
    if chosen.preset == "every-case":
        return tuple(CASES)
    return tuple(chosen.rates.get("cases", ()))


def _lists(store: ObjectStore, account_id: str, history_start: int) -> list[set[str]]:
    """Return the discounts that each imported invoice shows."""
    found = []
    for invoice in store.scan(account_id, "invoice"):
        if invoice["created"] < history_start:
            continue
        listed: list[Any] = list(invoice["discounts"] or [])
        for line in invoice["lines"]["data"]:
            listed += [each["discount"] for each in line.get("discount_amounts") or []]
        found.append({each["id"] if isinstance(each, dict) else each for each in listed})
    return found


Spell = tuple[log.DiscountAttached, int, int]
"""A discount, when it began and when it ended, unix seconds."""


def _spells(account: Account) -> list[Spell]:
    ends = {
        each.discount: each.at for each in account.log if isinstance(each, log.DiscountDetached)
    }
    spells = []
    for each in account.log:
        if isinstance(each, log.DiscountAttached):
            known = [at for at in (each.end, ends.get(each.discount)) if at is not None]
            spells.append((each, each.at, min(known, default=sys.maxsize)))
    return spells


def _unordered(
    account: Account, lists: list[set[str]], history_start: int, watched_from: int
) -> Iterator[tuple[int, bool]]:
    """Yield until when a subscription had a discount of unknown place, gone before another.

    And whether its place decides default MRR.
    """
    spells = _spells(account)
    for each, begin, end in spells:
        if each.level != "subscription" or end <= history_start or begin >= watched_from:
            continue
        beside = [
            other
            for other, other_begin, other_end in spells
            if other is not each
            and other.level == each.level
            and other.target == each.target
            and other_begin == begin
            and other_end > end
            and not any({each.discount, other.discount} <= shown for shown in lists)
        ]
        if beside:
            both = [each, *beside]
            forever = [account.discounts[one.discount].coupon.duration == "forever" for one in both]
            yield min(end, watched_from), forever[0] and any(forever[1:])


def _hidden(
    account: Account, carried: set[str], history_start: int, watched_from: int
) -> Iterator[tuple[int, bool]]:
    """Yield the end of each discount that nothing shows, and whether it decides default MRR."""
    live = _spells(account)
    for each, begin, end in live:
        discount = account.discounts[each.discount]
        if each.discount in carried or not history_start < end < watched_from:
            continue
        # A customer's own coupon that is subtracted by default unless a subscription's hides it.
        hides = each.level == "subscription" and any(
            other.level == "customer"
            and other.target == discount.customer
            and account.discounts[other.discount].coupon.duration == "forever"
            and other_begin < end
            and begin < other_end
            for other, other_begin, other_end in live
        )
        yield end, hides or discount.coupon.duration == "forever"
