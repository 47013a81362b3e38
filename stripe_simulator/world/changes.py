"""Changes of running subscriptions: items, trials, pauses, schedules.

What belongs here: everything between beginning and end. What does not: the end (`lifecycle`).
"""

from stripe_simulator.world import billing, lifecycle, lines, log
from stripe_simulator.world.account import Account
from stripe_simulator.world.clock import DAY
from stripe_simulator.world.state import Item, Line, Price, Schedule, Subscription

_CHANGEABLE = ("active", "past_due", "trialing", "unpaid")


def change(
    account: Account,
    subscription: Subscription,
    item: Item,
    *,
    price: Price | None = None,
    quantity: int | None = None,
    proration: str = "always_invoice",
) -> None:
    """Change price or quantity now.

    A price of another interval starts a new period now, as Stripe does.

    Args:
        account: The account.
        subscription: Whose item it is; nothing happens once it has ended.
        item: What changes.
        price: The new price, if it changes.
        quantity: The new quantity, if it changes.
        proration: ``always_invoice`` bills the difference at once, ``create_prorations`` with
            the next invoice, ``none`` never.
    """
    if subscription.status not in _CHANGEABLE:
        return
    now = account.now
    before = account.snapshot(subscription)
    old = (item.price, item.quantity)
    span = (item.period_start, item.period_end)
    item.price = price or item.price
    item.quantity = item.quantity if quantity is None else quantity
    account.decide(log.ItemSet(now, subscription.id, item.id, item.price.id, item.quantity))
    on_trial = subscription.status == "trialing"
    resets = not on_trial and (
        (item.price.interval, item.price.interval_count) != (old[0].interval, old[0].interval_count)
    )
    made: list[Line] = []
    if not on_trial and proration != "none":
        made.append(lines.proration(account, subscription, item, *old, span, -1))
    if resets:
        subscription.anchor = now
        item.period_start = now
        item.period_end = lifecycle.period_end(item.price, now, now)
        made += lines.period_lines(account, subscription, item)
    elif made:
        made.append(
            lines.proration(account, subscription, item, item.price, item.quantity, span, 1)
        )
    at_once = proration == "always_invoice" or resets
    _announce(account, subscription, before, made, at_once=at_once, since=span[0])
    if resets:
        lifecycle.plan(account, subscription)


def add_item(
    account: Account,
    subscription: Subscription,
    price: Price,
    quantity: int | None,
    *,
    proration: str = "always_invoice",
) -> Item:
    """Put a further item on a running subscription."""
    before = account.snapshot(subscription)
    item = lifecycle.new_item(account, subscription, price, quantity)
    made: list[Line] = []
    if subscription.status != "trialing" and proration != "none":
        start, end = _span(subscription, item)
        item.period_start = start
        made.append(lines.proration(account, subscription, item, price, quantity, (start, end), 1))
    at_once = proration == "always_invoice"
    _announce(account, subscription, before, made, at_once=at_once, since=account.now)
    lifecycle.plan(account, subscription)
    return item


def _span(subscription: Subscription, item: Item) -> tuple[int, int]:
    """The period that a new item joins: that of an item of the same length, else its own."""
    for other in subscription.items:
        if other is not item and other.period_end == item.period_end:
            return other.period_start, other.period_end
    return item.period_start, item.period_end


def remove_item(
    account: Account,
    subscription: Subscription,
    item: Item,
    *,
    proration: str = "always_invoice",
) -> None:
    """Take an item off a running subscription."""
    before = account.snapshot(subscription)
    made: list[Line] = []
    if subscription.status != "trialing" and proration != "none":
        span = (item.period_start, item.period_end)
        made.append(
            lines.proration(account, subscription, item, item.price, item.quantity, span, -1)
        )
    subscription.items.remove(item)
    # What a schedule wanted of it goes with it.
    subscription.upcoming = [each for each in subscription.upcoming if each[0] is not item]
    account.decide(log.ItemRemoved(account.now, subscription.id, item.id))
    at_once = proration == "always_invoice"
    _announce(account, subscription, before, made, at_once=at_once, since=item.period_start)
    lifecycle.plan(account, subscription)


def _announce(
    account: Account,
    subscription: Subscription,
    before: dict[str, object] | None,
    made: list[Line],
    *,
    at_once: bool,
    since: int,
) -> None:
    """Tell of the change and bill what it makes, now or with the next invoice."""
    made = [line for line in made if line.price is not None and not line.price.metered]
    if not made or not at_once:
        subscription.pending += made
        account.show(subscription, "customer.subscription.updated", before=before)
        return
    invoice = billing.new_invoice(
        account,
        subscription.customer,
        subscription.currency,
        "subscription_update",
        made,
        subscription,
        period=(since, account.now),
        proration_date=account.now,
    )
    account.show(subscription, "customer.subscription.updated", before=before)
    billing.finalise(account, invoice)


def change_at_renewal(
    account: Account, subscription: Subscription, item: Item, price: Price, quantity: int | None
) -> Schedule:
    """Let a schedule change an item when its period ends, without proration."""
    now, end = account.now, item.period_end
    after = lifecycle.period_end(price, end, end)
    phases = [
        (item.period_start, end, item.price, item.quantity),
        (end, after, price, quantity),
    ]
    schedule = Schedule(account.ids.new("sub_sched"), now, subscription, phases)
    before = account.snapshot(subscription)
    subscription.schedule = schedule
    subscription.upcoming.append((item, price, quantity))
    account.show(schedule, "subscription_schedule.created")
    account.show(subscription, "customer.subscription.updated", before=before)
    account.schedule(end, _next_phase, schedule)
    account.schedule(after, _complete, schedule)
    return schedule


def _next_phase(account: Account, schedule: Schedule) -> None:
    schedule.current = 1
    account.show(schedule, "subscription_schedule.updated")


def _complete(account: Account, schedule: Schedule) -> None:
    """The last phase is over: the subscription goes on by itself."""
    subscription = schedule.subscription
    schedule.status, schedule.completed_at = "released", account.now
    account.show(schedule, "subscription_schedule.released")
    if subscription.schedule is schedule and not subscription.ended:
        before = account.snapshot(subscription)
        subscription.schedule = None
        account.show(subscription, "customer.subscription.updated", before=before)


def pause_collection(account: Account, subscription: Subscription, behavior: str | None) -> None:
    """Stop collecting: ``keep_as_draft``, ``void``, ``mark_uncollectible``; None resumes."""
    if subscription.ended:
        return
    before = account.snapshot(subscription)
    subscription.pause = behavior
    account.decide(log.CollectionPaused(account.now, subscription.id, behavior))
    account.show(subscription, "customer.subscription.updated", before=before)


def resume(account: Account, subscription: Subscription) -> None:
    """Start a subscription again that its trial left paused; a new period begins now."""
    if subscription.status != "paused":
        return
    before = account.snapshot(subscription)
    now = account.now
    lifecycle.set_status(account, subscription, "active")
    subscription.anchor = now
    made: list[Line] = []
    for item in subscription.items:
        item.period_start = now
        item.period_end = lifecycle.period_end(item.price, now, now)
        made += lines.period_lines(account, subscription, item)
    invoice = billing.new_invoice(
        account,
        subscription.customer,
        subscription.currency,
        "subscription_update",
        made,
        subscription,
    )
    account.show(
        subscription,
        "customer.subscription.updated",
        "customer.subscription.resumed",
        before=before,
    )
    billing.finalise(account, invoice)
    lifecycle.plan(account, subscription)


def put_on_trial(account: Account, subscription: Subscription, days: int) -> None:
    """Put a paying subscription (back) on trial from now on."""
    before = account.snapshot(subscription)
    now = account.now
    subscription.trial_start, subscription.trial_end = now, now + days * DAY
    subscription.anchor = subscription.trial_end
    lifecycle.set_status(account, subscription, "trialing")
    made: list[Line] = []
    for item in subscription.items:
        item.period_start, item.period_end = now, subscription.trial_end
        made += lines.period_lines(account, subscription, item)
    _announce(account, subscription, before, made, at_once=True, since=now)
    lifecycle.plan(account, subscription)


def end_trial(account: Account, subscription: Subscription) -> None:
    """End a trial early: the subscription is billed from now on."""
    if subscription.status != "trialing":
        return
    before = account.snapshot(subscription)
    subscription.trial_end = subscription.anchor = account.now
    for item in subscription.items:
        item.period_end = account.now
    account.show(subscription, "customer.subscription.updated", before=before)
    lifecycle.plan(account, subscription)


def cancel_with_credit(account: Account, subscription: Subscription) -> None:
    """Cancel at once and give credit for the time that was paid and is not used."""
    if subscription.status not in ("active", "past_due"):
        return
    made = [
        lines.proration(
            account,
            subscription,
            item,
            item.price,
            item.quantity,
            (item.period_start, item.period_end),
            -1,
        )
        for item in subscription.items
        if not item.price.metered
    ]
    lifecycle.cancel_now(account, subscription)
    invoice = billing.new_invoice(
        account,
        subscription.customer,
        subscription.currency,
        "subscription_update",
        made,
        subscription,
        proration_date=account.now,
    )
    billing.finalise(account, invoice)
