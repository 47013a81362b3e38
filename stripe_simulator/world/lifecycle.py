"""Customers and their subscriptions from beginning to end.

What belongs here: the transitions, their dates, their events and the decisions that the ledger
reads. What does not: chance (`behaviour`), invoices (`billing`), changes of items (`changes`).
"""

from decimal import Decimal
from random import Random

from stripe_simulator.world import billing, catalog, lines, log
from stripe_simulator.world.account import Account
from stripe_simulator.world.clock import DAY, HOUR, add_intervals
from stripe_simulator.world.state import Coupon, Customer, Invoice, Item, Price, Subscription

INCOMPLETE_SECONDS = 23 * HOUR
_SECOND_TRY = 2 * HOUR
_COUNTRIES = ("US", "US", "US", "GB", "DE", "FR", "CA", "JP")
_LONGEST_DAYS = {"day": 1, "week": 7, "month": 31, "year": 366}


def add_customer(account: Account, name: str, *, coupon: Coupon | None = None) -> Customer:
    """A new customer, with a random source that depends on their number alone."""
    number = len(account.customers) + 1
    customer = Customer(
        account.ids.new("cus"),
        account.now,
        name,
        f"customer{number}@example.com",
        Random(f"{account.seed}/customer/{number}"),
        country=_COUNTRIES[number % len(_COUNTRIES)],
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
    trial_missing: str = "cancel",
    coupons: list[Coupon] | None = None,
    after_dunning: str = "cancel",
    backdate_to: int | None = None,
    collection_method: str = "charge_automatically",
    tax: tuple[Decimal, bool] | None = None,
) -> Subscription:
    """A new subscription, billed at once or put on trial.

    Args:
        account: The account.
        customer: The one who subscribes.
        parts: Price and quantity of each item.
        trial_days: Length of the trial; 0 for none.
        trial_missing: What a trial without a card comes to: ``cancel``, ``pause``,
            ``create_invoice``.
        coupons: Attached to the subscription, in this order.
        after_dunning: What happens when every retry failed: ``cancel``, ``unpaid``, ``past_due``.
        backdate_to: An earlier instant as its start; the time since then is billed too.
        collection_method: Stripe's; ``send_invoice`` is never charged by itself.
        tax: Percent, and whether the prices include it.
    """
    now = account.now
    start = now if backdate_to is None else backdate_to
    trial_end = now + trial_days * DAY if trial_days else None
    subscription = Subscription(
        account.ids.new("sub"),
        now,
        customer,
        parts[0][0].currency,
        start,
        trial_end or now,
        "trialing" if trial_days else "active",
        trial_start=now if trial_days else None,
        trial_end=trial_end,
        trial_missing=trial_missing,
        after_dunning=after_dunning,
        collection_method=collection_method,
        tax=tax,
    )
    account.subscriptions[subscription.id] = subscription
    customer.subscriptions.append(subscription)
    account.decide(
        log.SubscriptionStarted(
            start, subscription.id, customer.id, subscription.currency, subscription.trial_start
        )
    )
    if tax is not None and tax[1]:
        account.decide(log.TaxSet(start, subscription.id, tax[0]))
    for price, quantity in parts:
        new_item(account, subscription, price, quantity, since=start)
    for coupon in coupons or []:
        catalog.attach(account, coupon, customer, subscription, silent=True)
    if customer.currency is None:
        before = account.snapshot(customer)
        customer.currency = subscription.currency
        account.show(customer, "customer.updated", before=before)
    if not trial_days and collection_method == "charge_automatically":
        # Incomplete until the first payment is through, which mostly is in the same second.
        subscription.status = "incomplete"
    account.decide(log.StatusChanged(start, subscription.id, subscription.status))
    _bill_first(account, subscription)
    plan(account, subscription)
    if trial_end is not None:
        account.schedule(max(now, trial_end - 3 * DAY), _trial_will_end, subscription)
    return subscription


def _bill_first(account: Account, subscription: Subscription) -> None:
    account.show(subscription, "customer.subscription.created")
    made = [
        line
        for item in subscription.items
        for line in lines.period_lines(account, subscription, item)
    ]
    if subscription.start_date < account.now:
        made += [
            lines.past_line(account, subscription, item, subscription.start_date)
            for item in subscription.items
            if not item.price.metered
        ]
    invoice = billing.new_invoice(
        account,
        subscription.customer,
        subscription.currency,
        "subscription_create",
        made,
        subscription,
    )
    billing.finalise(account, invoice)


def new_item(
    account: Account,
    subscription: Subscription,
    price: Price,
    quantity: int | None,
    *,
    since: int | None = None,
) -> Item:
    """Put an item on a subscription, from `since` (by default now) on."""
    start = account.now
    end = subscription.trial_end if subscription.status == "trialing" else None
    if end is None:
        end = period_end(price, subscription.anchor, start)
    item = Item(account.ids.new("si"), account.now, price, quantity, start, end)
    subscription.items.append(item)
    at = start if since is None else since
    account.decide(log.ItemSet(at, subscription.id, item.id, price.id, quantity))
    return item


def period_end(price: Price, anchor: int, start: int) -> int:
    """The first billing date of `price` counted from `anchor` that lies after `start`."""
    interval, count = price.interval or "month", price.interval_count
    times = max(0, (start - anchor) // (_LONGEST_DAYS[interval] * count * DAY) - 1)
    while (end := add_intervals(anchor, interval, count, times)) <= start:
        times += 1
    return end


def set_status(account: Account, subscription: Subscription, status: str) -> None:
    """Change the status, and write it down."""
    subscription.status = status
    account.decide(log.StatusChanged(account.now, subscription.id, status))


def plan(account: Account, subscription: Subscription) -> None:
    """Schedule the next billing date; what was scheduled before is void."""
    subscription.plan += 1
    if subscription.ended or subscription.status == "paused":
        return
    at = min(item.period_end for item in subscription.items)
    account.schedule(at, _cycle, subscription, subscription.plan)


def _trial_will_end(account: Account, subscription: Subscription) -> None:
    if subscription.status == "trialing":
        account.show(subscription, "customer.subscription.trial_will_end")


def _cycle(account: Account, subscription: Subscription, number: int) -> None:
    """A billing date: the subscription ends, leaves its trial, or is billed again."""
    if number != subscription.plan or subscription.ended:
        return
    if subscription.cancel_at_period_end:
        end(account, subscription, subscription.cancel_reason or "cancellation_requested")
        return
    trial_is_over = subscription.status == "trialing"
    if trial_is_over and not subscription.customer.has_card:
        if subscription.trial_missing == "cancel":
            end(account, subscription, "payment_failed")
            return
        if subscription.trial_missing == "pause":
            before = account.snapshot(subscription)
            set_status(account, subscription, "paused")
            subscription.plan += 1
            account.show(
                subscription,
                "customer.subscription.updated",
                "customer.subscription.paused",
                before=before,
            )
            return
    before = account.snapshot(subscription)
    now = account.now
    due = [item for item in subscription.items if item.period_end <= now]
    period = (min(item.period_start for item in due), now)
    if trial_is_over:
        set_status(account, subscription, "active")
    for item, price, quantity in subscription.upcoming:
        item.price, item.quantity = price, quantity
        account.decide(log.ItemSet(now, subscription.id, item.id, price.id, quantity))
    subscription.upcoming = []
    for item in due:
        item.period_start = now
        item.period_end = period_end(item.price, subscription.anchor, now)
    made = [line for item in due for line in lines.period_lines(account, subscription, item)]
    invoice = billing.new_invoice(
        account,
        subscription.customer,
        subscription.currency,
        "subscription_cycle",
        made,
        subscription,
        period=period,
    )
    if subscription.pause == "keep_as_draft" or subscription.status == "unpaid":
        invoice.auto_advance = False
    else:
        account.schedule(now + billing.DRAFT_SECONDS, billing.finalise, invoice)
    account.show(subscription, "customer.subscription.updated", before=before)
    plan(account, subscription)


def cancel_at_period_end(account: Account, subscription: Subscription, feedback: str) -> None:
    """The customer cancels; the subscription runs on until its period ends."""
    if subscription.ended or subscription.cancel_at_period_end:
        return
    before = account.snapshot(subscription)
    subscription.cancel_at_period_end = True
    subscription.cancel_at = min(item.period_end for item in subscription.items)
    subscription.canceled_at = account.now
    subscription.cancel_reason = "cancellation_requested"
    subscription.cancel_feedback = feedback
    account.show(subscription, "customer.subscription.updated", before=before)


def cancel_at(account: Account, subscription: Subscription, at: int) -> None:
    """The customer cancels for a date of their own."""
    before = account.snapshot(subscription)
    subscription.cancel_at, subscription.canceled_at = at, account.now
    subscription.cancel_reason = "cancellation_requested"
    account.show(subscription, "customer.subscription.updated", before=before)
    account.schedule(at, cancel_now, subscription)


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
    """End a subscription at this moment, if it has not ended."""
    if not subscription.ended:
        end(account, subscription, "cancellation_requested")


def end(account: Account, subscription: Subscription, reason: str) -> None:
    """The subscription is canceled; what is still owed is not collected any more."""
    now = account.now
    set_status(account, subscription, "canceled")
    subscription.canceled_at = subscription.canceled_at or now
    subscription.ended_at = now
    subscription.cancel_reason = reason
    subscription.plan += 1
    for invoice in subscription.invoices:
        billing.stop_collecting(account, invoice)
    account.show(subscription, "customer.subscription.deleted")


def payment_succeeded(account: Account, subscription: Subscription, invoice: Invoice) -> None:
    """An invoice of the subscription was paid (or needed no payment)."""
    is_first = subscription.status == "incomplete" and invoice.reason == "subscription_create"
    owed = subscription.status in ("past_due", "unpaid")
    if not is_first and not (owed and invoice is subscription.invoices[-1]):
        return
    before = account.snapshot(subscription)
    subscription.status = "active"
    # A first payment in the second of the start leaves no incomplete time behind.
    at = account.now if account.now > subscription.created else subscription.start_date
    account.decide(log.StatusChanged(at, subscription.id, "active"))
    account.show(subscription, "customer.subscription.updated", before=before)


def payment_failed(
    account: Account, subscription: Subscription, invoice: Invoice, *, final: bool
) -> None:
    """A charge for the subscription failed; after the last retry its rule decides."""
    if subscription.ended:
        return
    if invoice.reason == "subscription_create":
        if subscription.status == "incomplete":
            account.schedule(account.now + _SECOND_TRY, billing.collect, invoice)
            if invoice.attempts == 1:
                at = subscription.created + INCOMPLETE_SECONDS
                account.schedule(at, _expire, subscription)
        return
    before = account.snapshot(subscription)
    if final:
        billing.stop_collecting(account, invoice)
        if subscription.after_dunning == "cancel":
            end(account, subscription, "payment_failed")
            return
        set_status(account, subscription, subscription.after_dunning)
    elif subscription.status == "active":
        set_status(account, subscription, "past_due")
    else:
        return
    account.show(subscription, "customer.subscription.updated", before=before)


def _expire(account: Account, subscription: Subscription) -> None:
    """The first payment never came: the subscription never was."""
    if subscription.status != "incomplete":
        return
    before = account.snapshot(subscription)
    set_status(account, subscription, "incomplete_expired")
    subscription.ended_at = account.now
    subscription.plan += 1
    for invoice in subscription.invoices:
        billing.void(account, invoice)
    account.show(subscription, "customer.subscription.updated", before=before)
