"""What can happen to customers and their subscriptions.

What belongs here: the transitions, their dates, their events and the decisions that the ledger
reads. What does not: chance (`behaviour`) and invoices (`billing`).
"""

from random import Random

from stripe_simulator.world import billing, catalog, log
from stripe_simulator.world.account import Account
from stripe_simulator.world.clock import DAY, HOUR, add_intervals
from stripe_simulator.world.state import (
    Coupon,
    Customer,
    Invoice,
    Item,
    Price,
    Subscription,
)

INCOMPLETE_SECONDS = 23 * HOUR
_SHORTNESS = {"day": 1, "week": 7, "month": 30, "year": 365}


def add_customer(account: Account, name: str, *, coupon: Coupon | None = None) -> Customer:
    """A new customer, with a random source that depends on their number alone."""
    number = len(account.customers) + 1
    customer = Customer(
        account.ids.new("cus"),
        account.now,
        name,
        f"customer{number}@example.com",
        Random(f"{account.seed}/customer/{number}"),
    )
    account.customers[customer.id] = customer
    account.decide(log.CustomerCreated(account.now, customer.id))
    account.show(customer, "customer.created")
    if coupon is not None:
        catalog.attach(account, coupon, customer)
    return customer


def delete_customer(account: Account, customer: Customer) -> None:
    """Delete a customer: their subscriptions end at once."""
    if customer.deleted:
        return
    for subscription in customer.subscriptions:
        if not subscription.ended:
            cancel_now(account, subscription)
    customer.deleted = True
    account.decide(log.CustomerDeleted(account.now, customer.id))
    account.remove(customer, "customer.deleted")


def subscribe(
    account: Account,
    customer: Customer,
    parts: list[tuple[Price, int | None]],
    *,
    trial_days: int = 0,
    coupons: list[Coupon] | None = None,
    after_dunning: str = "cancel",
) -> Subscription:
    """A new subscription, billed at once or put on trial.

    Args:
        account: The account.
        customer: The one who subscribes.
        parts: Price and quantity of each item.
        trial_days: Length of the trial; 0 for none.
        coupons: Attached to the subscription, in this order.
        after_dunning: What happens when every retry failed: ``cancel``, ``unpaid``, ``past_due``.
    """
    now = account.now
    trial_end = now + trial_days * DAY if trial_days else None
    subscription = Subscription(
        account.ids.new("sub"),
        now,
        customer,
        parts[0][0].currency,
        now,
        trial_end or now,
        "trialing" if trial_days else "active",
        trial_start=now if trial_days else None,
        trial_end=trial_end,
        after_dunning=after_dunning,
    )
    account.subscriptions[subscription.id] = subscription
    customer.subscriptions.append(subscription)
    account.decide(
        log.SubscriptionStarted(
            now, subscription.id, customer.id, subscription.currency, subscription.trial_start
        )
    )
    for price, quantity in parts:
        _new_item(account, subscription, price, quantity)
    for coupon in coupons or []:
        catalog.attach(account, coupon, customer, subscription, silent=True)
    if customer.currency is None:
        before = account.snapshot(customer)
        customer.currency = subscription.currency
        account.show(customer, "customer.updated", before=before)
    _set_status(account, subscription, subscription.status)
    account.show(subscription, "customer.subscription.created")
    lines = [
        billing.new_line(
            account,
            subscription,
            item,
            amount=0 if trial_days else None,
            description="Trial period" if trial_days else None,
        )
        for item in subscription.items
    ]
    if not trial_days:
        # Incomplete until the first payment is through, which mostly is in the same second.
        subscription.status = "incomplete"
    invoice = billing.new_invoice(
        account, customer, subscription.currency, "subscription_create", lines, subscription
    )
    billing.finalise(account, invoice)
    _plan(account, subscription)
    if trial_end is not None:
        account.schedule(trial_end - 3 * DAY, _trial_will_end, subscription)
    return subscription


def _new_item(
    account: Account, subscription: Subscription, price: Price, quantity: int | None
) -> Item:
    start = account.now
    end = subscription.trial_end if subscription.status == "trialing" else None
    if end is None:
        end = _period_end(price, subscription.anchor, start)
    item = Item(account.ids.new("si"), account.now, price, quantity, start, end)
    subscription.items.append(item)
    account.decide(log.ItemSet(account.now, subscription.id, item.id, price.id, quantity))
    return item


def _period_end(price: Price, anchor: int, start: int) -> int:
    """The first billing date of `price` counted from `anchor` that lies after `start`."""
    interval, count = price.interval or "month", price.interval_count
    days = _SHORTNESS[interval] * count
    times = max(0, (start - anchor) // (days * DAY) - 1)
    while (end := add_intervals(anchor, interval, count, times)) <= start:
        times += 1
    return end


def _set_status(account: Account, subscription: Subscription, status: str) -> None:
    subscription.status = status
    account.decide(log.StatusChanged(account.now, subscription.id, status))


def _plan(account: Account, subscription: Subscription) -> None:
    """Schedule the next billing date."""
    subscription.plan += 1
    if subscription.ended:
        return
    at = min(item.period_end for item in subscription.items)
    account.schedule(at, _cycle, subscription, subscription.plan)


def _trial_will_end(account: Account, subscription: Subscription) -> None:
    if subscription.status == "trialing":
        account.show(subscription, "customer.subscription.trial_will_end")


def _cycle(account: Account, subscription: Subscription, plan: int) -> None:
    """A billing date: the subscription ends, leaves its trial, or is billed again."""
    if plan != subscription.plan or subscription.ended:
        return
    if subscription.cancel_at_period_end:
        _end(account, subscription, subscription.cancel_reason or "cancellation_requested")
        return
    before = account.snapshot(subscription)
    now = account.now
    due = [item for item in subscription.items if item.period_end <= now]
    period = (min(item.period_start for item in due), now)
    for item in due:
        item.period_start = item.period_end
        item.period_end = _period_end(item.price, subscription.anchor, now)
    if subscription.status == "trialing":
        _set_status(account, subscription, "active")
    lines = [billing.new_line(account, subscription, item) for item in due]
    invoice = billing.new_invoice(
        account,
        subscription.customer,
        subscription.currency,
        "subscription_cycle",
        lines,
        subscription,
        period=period,
    )
    if subscription.pause is not None or subscription.status == "unpaid":
        invoice.auto_advance = False
    account.show(subscription, "customer.subscription.updated", before=before)
    account.schedule(now + billing.DRAFT_SECONDS, billing.finalise, invoice)
    _plan(account, subscription)


def change(
    account: Account,
    subscription: Subscription,
    item: Item,
    *,
    price: Price | None = None,
    quantity: int | None = None,
) -> None:
    """Change price or quantity now, with the proration invoiced at once (`always_invoice`).

    A price of another interval starts a new period now, as Stripe does.
    """
    if subscription.ended or subscription.status != "active":
        return
    now = account.now
    before = account.snapshot(subscription)
    old_price, old_quantity = item.price, item.quantity
    old_start, old_end = item.period_start, item.period_end
    item.price = price or item.price
    item.quantity = item.quantity if quantity is None else quantity
    resets = (item.price.interval, item.price.interval_count) != (
        old_price.interval,
        old_price.interval_count,
    )
    account.decide(log.ItemSet(now, subscription.id, item.id, item.price.id, item.quantity))
    lines = [
        _proration(account, subscription, item, old_price, old_quantity, (old_start, old_end), -1)
    ]
    if resets:
        subscription.anchor = now
        item.period_start = now
        item.period_end = _period_end(item.price, now, now)
        lines.append(billing.new_line(account, subscription, item))
    else:
        span = (old_start, old_end)
        lines.append(_proration(account, subscription, item, item.price, item.quantity, span, 1))
    invoice = billing.new_invoice(
        account,
        subscription.customer,
        subscription.currency,
        "subscription_update",
        lines,
        subscription,
        period=(old_start, now),
        proration_date=now,
    )
    account.show(subscription, "customer.subscription.updated", before=before)
    billing.finalise(account, invoice)
    if resets:
        _plan(account, subscription)


def _proration(
    account: Account,
    subscription: Subscription,
    item: Item,
    price: Price,
    quantity: int | None,
    span: tuple[int, int],
    sign: int,
) -> billing.Line:
    """The part of a period that is left from now on, as credit (-1) or debit (1)."""
    start, end = span
    now = account.now
    full = billing.price_amount(price, quantity)
    amount = billing.round_half_up(billing.Fraction(full * (end - now), end - start))
    word = "Unused time on" if sign < 0 else "Remaining time on"
    return billing.Line(
        account.ids.new("il"),
        sign * amount,
        now,
        end,
        f"{word} {quantity or 0} x {price.nickname or price.id}",
        price,
        quantity or 0,
        subscription.id,
        item.id,
        account.ids.new("ii"),
        proration=True,
        credits=item.billed_by if sign < 0 else None,
    )


def cancel_at_period_end(account: Account, subscription: Subscription, feedback: str) -> None:
    """The customer cancels; the subscription runs on until its period ends."""
    if subscription.ended or subscription.cancel_at_period_end:
        return
    before = account.snapshot(subscription)
    subscription.cancel_at_period_end = True
    subscription.cancel_at = max(item.period_end for item in subscription.items)
    subscription.canceled_at = account.now
    subscription.cancel_reason = "cancellation_requested"
    subscription.cancel_feedback = feedback
    account.show(subscription, "customer.subscription.updated", before=before)


def keep_after_all(account: Account, subscription: Subscription) -> None:
    """The customer takes a pending cancellation back."""
    if subscription.ended or not subscription.cancel_at_period_end:
        return
    before = account.snapshot(subscription)
    subscription.cancel_at_period_end = False
    subscription.cancel_at = subscription.canceled_at = None
    subscription.cancel_reason = subscription.cancel_feedback = None
    account.show(subscription, "customer.subscription.updated", before=before)


def cancel_now(account: Account, subscription: Subscription) -> None:
    """End a subscription at this moment."""
    if not subscription.ended:
        _end(account, subscription, "cancellation_requested")


def _end(account: Account, subscription: Subscription, reason: str) -> None:
    now = account.now
    _set_status(account, subscription, "canceled")
    subscription.canceled_at = subscription.canceled_at or now
    subscription.ended_at = now
    subscription.cancel_reason = reason
    subscription.plan += 1
    account.show(subscription, "customer.subscription.deleted")


def payment_succeeded(account: Account, subscription: Subscription, invoice: Invoice) -> None:
    """An invoice of the subscription was paid (or needed no payment)."""
    if subscription.status == "incomplete" and invoice.reason == "subscription_create":
        before = account.snapshot(subscription)
        _set_status(account, subscription, "active")
        account.show(subscription, "customer.subscription.updated", before=before)
    elif (
        subscription.status in ("past_due", "unpaid") and invoice.id == subscription.latest_invoice
    ):
        before = account.snapshot(subscription)
        _set_status(account, subscription, "active")
        account.show(subscription, "customer.subscription.updated", before=before)


def payment_failed(
    account: Account, subscription: Subscription, invoice: Invoice, *, final: bool
) -> None:
    """A charge for the subscription failed; after the last retry its rule decides."""
    if subscription.ended:
        return
    if invoice.reason == "subscription_create":
        if subscription.status == "incomplete":
            _set_status(account, subscription, "incomplete")
            account.schedule(account.now + 2 * HOUR, billing.collect, invoice)
            account.schedule(subscription.created + INCOMPLETE_SECONDS, _expire, subscription)
        return
    before = account.snapshot(subscription)
    if final:
        billing.stop_collecting(account, invoice)
        if subscription.after_dunning == "cancel":
            _end(account, subscription, "payment_failed")
            return
        _set_status(account, subscription, subscription.after_dunning)
    elif subscription.status == "active":
        _set_status(account, subscription, "past_due")
    else:
        return
    account.show(subscription, "customer.subscription.updated", before=before)


def _expire(account: Account, subscription: Subscription) -> None:
    """The first payment never came: the subscription never was."""
    if subscription.status != "incomplete":
        return
    before = account.snapshot(subscription)
    _set_status(account, subscription, "incomplete_expired")
    subscription.ended_at = account.now
    subscription.plan += 1
    account.show(subscription, "customer.subscription.updated", before=before)
