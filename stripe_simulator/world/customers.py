"""What customers do: arrive, subscribe, change their minds, pay once, leave, come back.

What belongs here: habits, drawn from each customer's own random source at fixed moments. What does
not: how any of it is carried out (`lifecycle`, `payments`).
"""

from stripe_simulator.world import behaviour, catalog, changes, lifecycle, payments
from stripe_simulator.world.account import Account
from stripe_simulator.world.clock import DAY, HOUR
from stripe_simulator.world.state import Charge, Customer, Dispute, Intent, Price, Subscription

_FIRST = (
    "Amber",
    "Birch",
    "Cedar",
    "Delta",
    "Ember",
    "Fjord",
    "Grove",
    "Harbor",
    "Iris",
    "Juniper",
)
_SECOND = ("Analytics", "Bakery", "Clinic", "Design", "Energy", "Films", "Games", "Hotels", "Labs")
_FEEDBACK = ("too_expensive", "missing_features", "switched_service", "unused", "other")
_CHECKUP_DAYS = 30


def open_shop(account: Account) -> None:
    """Make the catalogue: three plans by month and by year, seats, and coupons."""
    currency = account.default_currency
    plans = (("Starter", 1_900), ("Team", 4_900), ("Business", 14_900))
    for name, monthly in plans:
        product = catalog.add_product(account, name)
        for nickname, amount, interval in (
            (f"{name} monthly", monthly, "month"),
            (f"{name} yearly", monthly * 10, "year"),
        ):
            price = catalog.add_price(
                account, product, amount, currency, interval, nickname=nickname
            )
            (account.shop.monthly if interval == "month" else account.shop.yearly).append(price)
    seats = catalog.add_product(account, "Extra seat")
    for interval, amount, shelf in (
        ("month", 700, account.shop.monthly_extra),
        ("year", 7_000, account.shop.yearly_extra),
    ):
        nickname = f"Extra seat by {interval}"
        shelf.append(
            catalog.add_price(account, seats, amount, currency, interval, nickname=nickname)
        )
    shop = account.shop
    shop.forever = [
        catalog.add_coupon(account, "Nonprofit 20 %", "forever", percent="20"),
        catalog.add_coupon(account, "Partner 10 %", "forever", percent="10"),
        catalog.add_coupon(
            account, "Friend of the house", "forever", amount=500, currency=currency
        ),
    ]
    shop.once = [
        catalog.add_coupon(account, "Welcome 50 %", "once", percent="50"),
        catalog.add_coupon(account, "Sorry $10", "once", amount=1_000, currency=currency),
    ]
    shop.repeating = [
        catalog.add_coupon(account, "Launch quarter", "repeating", percent="25", months=3),
    ]
    account.after_charge = consider_refund
    arrive(account)


def arrive(account: Account) -> None:
    """One customer arrives, and the next arrival is drawn."""
    rng, rates = account.rng, account.rates
    number = len(account.customers)
    name = f"{_FIRST[number % 10]} {_SECOND[number // 10 % 9]} {number // 90 + 1}"
    account.schedule(
        account.now + 1 + round(rng.expovariate(rates.customers_per_day) * DAY), arrive
    )
    coupon = rng.choice(account.shop.forever[:2]) if rng.random() < rates.customer_coupon else None
    customer = lifecycle.add_customer(account, name, coupon=coupon)
    customer.last4 = f"{customer.rng.randrange(10_000):04d}"
    if customer.rng.random() < rates.no_subscription:
        account.schedule(account.now + HOUR, pay_once, customer)
        return
    account.schedule(account.now + customer.rng.randint(60, 2 * HOUR), sign_up, customer)


def sign_up(account: Account, customer: Customer) -> None:
    """Choose a plan and subscribe, perhaps with a trial and a coupon."""
    if customer.deleted:
        return
    rng, rates, shop = customer.rng, account.rates, account.shop
    customer.has_card = True
    yearly = rng.random() < rates.yearly
    plan = rng.choices(shop.yearly if yearly else shop.monthly, (5, 3, 1))[0]
    quantity = 1 if rng.random() < 0.7 else rng.randint(2, 12)
    parts: list[tuple[Price, int | None]] = [(plan, quantity)]
    if rng.random() < rates.second_item:
        extra = shop.yearly_extra if yearly else shop.monthly_extra
        parts.append((extra[0], rng.randint(1, 9)))
    coupons = []
    for kind, chance in (
        (shop.forever, rates.forever_coupon),
        (shop.once, rates.once_coupon),
        (shop.repeating, rates.repeating_coupon),
    ):
        if rng.random() < chance:
            coupons.append(rng.choice(kind))
    trial = rng.choice((7, 14, 30)) if rng.random() < rates.trial else 0
    subscription = lifecycle.subscribe(account, customer, parts, trial_days=trial, coupons=coupons)
    if trial and rng.random() < rates.trial_without_card:
        customer.has_card = False
    elif trial and rng.random() < rates.trial_lapses:
        at = account.now + rng.randint(DAY, trial * DAY - HOUR)
        account.schedule(at, _leave_at_end, subscription)
    account.schedule(account.now + rng.randint(DAY, _CHECKUP_DAYS * DAY), _check_up, subscription)


def _leave_at_end(account: Account, subscription: Subscription) -> None:
    feedback = subscription.customer.rng.choice(_FEEDBACK)
    lifecycle.cancel_at_period_end(account, subscription, feedback)


def _check_up(account: Account, subscription: Subscription) -> None:
    """Once a month a customer thinks about their subscription."""
    customer, rates, rng = subscription.customer, account.rates, subscription.customer.rng
    if subscription.ended:
        _after_the_end(account, customer)
        return
    next_at = account.now + _CHECKUP_DAYS * DAY + rng.randint(-5 * DAY, 5 * DAY)
    account.schedule(next_at, _check_up, subscription)
    if rng.random() < rates.one_off:
        account.schedule(account.now + rng.randint(HOUR, 10 * DAY), pay_once, customer)
    if subscription.status != "active":
        return
    draw = rng.random()
    choices = (
        (rates.upgrade, _move_plan, 1),
        (rates.downgrade, _move_plan, -1),
        (rates.quantity_change, _change_quantity, 0),
        (rates.retention_offer, _retention_offer, 0),
        (rates.cancel_at_period_end, _cancel_later, 0),
        (rates.cancel_now, _cancel_at_once, 0),
    )
    for chance, action, step in choices:
        if draw < chance:
            action(account, subscription, step)
            return
        draw -= chance


def _move_plan(account: Account, subscription: Subscription, step: int) -> None:
    """Go to the next larger or smaller plan, or, from the smallest monthly one, to the year."""
    shop, item = account.shop, subscription.items[0]
    shelf = shop.yearly if item.price in shop.yearly else shop.monthly
    place = shelf.index(item.price) + step
    if 0 <= place < len(shelf):
        changes.change(account, subscription, item, price=shelf[place])
    elif shelf is shop.monthly and len(subscription.items) == 1:
        changes.change(account, subscription, item, price=shop.yearly[max(0, place - step)])


def _change_quantity(account: Account, subscription: Subscription, _: int) -> None:
    rng = subscription.customer.rng
    item = rng.choice(subscription.items)
    quantity = max(1, (item.quantity or 1) + rng.choice((-2, -1, 1, 1, 2, 3)))
    if quantity != item.quantity:
        changes.change(account, subscription, item, quantity=quantity)


def _retention_offer(account: Account, subscription: Subscription, _: int) -> None:
    rng, shop = subscription.customer.rng, account.shop
    coupon = rng.choice([*shop.once, *shop.repeating, *shop.forever])
    if all(discount.coupon is not coupon for discount in subscription.discounts):
        catalog.attach(account, coupon, subscription.customer, subscription)


def _cancel_later(account: Account, subscription: Subscription, _: int) -> None:
    rng = subscription.customer.rng
    _leave_at_end(account, subscription)
    if rng.random() < account.rates.change_of_mind:
        account.schedule(account.now + rng.randint(HOUR, 5 * DAY), _stay, subscription)


def _stay(account: Account, subscription: Subscription) -> None:
    lifecycle.keep_after_all(account, subscription)


def _cancel_at_once(account: Account, subscription: Subscription, _: int) -> None:
    lifecycle.cancel_now(account, subscription)


def _after_the_end(account: Account, customer: Customer) -> None:
    """A customer who has left may come back, or ask to be forgotten."""
    rng, rates = customer.rng, account.rates
    draw = rng.random()
    if draw < rates.reactivation:
        account.schedule(account.now + rng.randint(DAY, 120 * DAY), _come_back, customer)
    elif draw < rates.reactivation + rates.deletion:
        account.schedule(account.now + rng.randint(DAY, 60 * DAY), _forget, customer)


def _come_back(account: Account, customer: Customer) -> None:
    if all(subscription.ended for subscription in customer.subscriptions):
        sign_up(account, customer)


def _forget(account: Account, customer: Customer) -> None:
    if all(subscription.ended for subscription in customer.subscriptions):
        lifecycle.delete_customer(account, customer)


def pay_once(account: Account, customer: Customer) -> None:
    """Buy something without an invoice; a declined card is tried again once."""
    if customer.deleted:
        return
    amount = customer.rng.choice((2_500, 5_000, 9_900, 20_000))
    intent = payments.open_intent(
        account, customer, account.default_currency, amount, "Onboarding session"
    )
    _try_once(account, customer, intent, 1)


def _try_once(account: Account, customer: Customer, intent: Intent, count: int) -> None:
    charge = payments.attempt(account, intent, behaviour.draw(account, customer, first=count == 1))
    if charge.status == "failed" and count < 2:
        later = account.now + customer.rng.randint(60, DAY)
        account.schedule(later, _try_once, customer, intent, count + 1)
    consider_refund(account, charge)


def consider_refund(account: Account, charge: Charge) -> None:
    """Some of the money that came in is asked back, by its owner or by their bank."""
    customer = charge.customer
    if charge.status != "succeeded" or customer is None:
        return
    rng, rates = customer.rng, account.rates
    draw = rng.random()
    if draw < rates.refund:
        part = 100 if rng.random() < 0.6 else rng.randint(10, 90)
        account.schedule(account.now + rng.randint(HOUR, 20 * DAY), _refund, charge, part)
    elif draw < rates.refund + rates.dispute:
        account.schedule(account.now + rng.randint(5 * DAY, 30 * DAY), _dispute, charge)


def _refund(account: Account, charge: Charge, part: int) -> None:
    amount = max(1, charge.captured * part // 100)
    if not charge.disputed and charge.refunded + amount <= charge.amount:
        payments.refund(account, charge, amount)


def _dispute(account: Account, charge: Charge) -> None:
    if charge.refunded or charge.customer is None:
        return
    thing = payments.dispute(account, charge, "fraudulent")
    days = charge.customer.rng.randint(15, 50)
    account.schedule(account.now + days * DAY, _judge, thing)


def _judge(account: Account, thing: Dispute) -> None:
    customer = thing.charge.customer
    won = customer is not None and customer.rng.random() < 0.4
    payments.close_dispute(account, thing, "won" if won else "lost")
