"""Lines of invoices: full periods, prorations, discounts and tax on them.

What belongs here: how a line comes to its amounts. What does not: when an invoice is made.
"""

from fractions import Fraction

from stripe_simulator.world import catalog, pricing
from stripe_simulator.world.account import Account
from stripe_simulator.world.state import Discount, Invoice, Item, Line, Price, Subscription


def period_lines(account: Account, subscription: Subscription, item: Item) -> list[Line]:
    """The lines that bill an item's current period, or for metered prices the one before."""
    price = item.price
    if subscription.status == "trialing":
        costs = [(item.quantity or 0, 0)]
    elif price.metered:
        # Nothing can have been used before the first period is over.
        used = subscription.customer.rng.randint(0, 500) if item.billed_by else 0
        costs = [*pricing.parts(price, used)]
    else:
        costs = [*pricing.parts(price, item.quantity or 0)]
    word = "Trial period for" if subscription.status == "trialing" else "Subscription to"
    made = []
    for units, cost in costs:
        line = _line(account, subscription, item, price, units, cost, word)
        line.start, line.end = item.period_start, item.period_end
        made.append(line)
    return made


def one_time_line(
    account: Account, price: Price, quantity: int, subscription: Subscription | None = None
) -> Line:
    """A line of something that is sold once, alone or on a subscription's invoice."""
    return Line(
        account.ids.new("il"),
        pricing.amount(price, quantity),
        account.now,
        account.now,
        f"{quantity} x {price.nickname or price.id}",
        price,
        quantity,
        None if subscription is None else subscription.id,
        invoice_item=account.ids.new("ii"),
    )


def past_line(account: Account, subscription: Subscription, item: Item, since: int) -> Line:
    """The line of a backdated start: from `since` until now."""
    now = account.now
    length = item.period_end - item.period_start
    full = pricing.amount(item.price, item.quantity)
    cost = pricing.round_half_up(Fraction(full * (now - since), length))
    line = _line(account, subscription, item, item.price, item.quantity, cost, "Past time on")
    line.start, line.end, line.proration = since, now, True
    line.invoice_item = account.ids.new("ii")
    return line


def proration(
    account: Account,
    subscription: Subscription,
    item: Item,
    price: Price,
    quantity: int | None,
    span: tuple[int, int],
    sign: int,
) -> Line:
    """The part of a period that is left from now on, as credit (-1) or debit (1)."""
    start, end = span
    full = pricing.amount(price, quantity)
    cost = pricing.round_half_up(Fraction(full * (end - account.now), end - start))
    word = "Unused time on" if sign < 0 else "Remaining time on"
    line = _line(account, subscription, item, price, quantity, sign * cost, word)
    line.start, line.end, line.proration = account.now, end, True
    line.invoice_item = account.ids.new("ii")
    line.credits = item.billed_by if sign < 0 else None
    return line


def _line(
    account: Account,
    subscription: Subscription,
    item: Item,
    price: Price,
    quantity: int | None,
    cost: int,
    word: str,
) -> Line:
    return Line(
        account.ids.new("il"),
        cost,
        account.now,
        account.now,
        f"{word} {quantity or 0} x {price.nickname or price.id}",
        price,
        quantity or 0,
        subscription.id,
        item.id,
    )


def apply_discounts(account: Account, invoice: Invoice) -> None:
    """Item discounts first, then the subscription's or else the customer's, in listed order.

    Coupons that count once are used up by the first invoice that they take something off.
    """
    subscription, customer = invoice.subscription, invoice.customer
    items = {item.id: item for item in subscription.items} if subscription is not None else {}
    for line in invoice.lines:
        if line.item in items:
            for discount in items[line.item].discounts:
                _apply(discount, [line])
        line.own_discounts = len(line.discounts)
    whole = list(subscription.discounts) if subscription is not None else []
    if not whole and customer.discount is not None:
        whole = [customer.discount]
    for discount in whole:
        _apply(discount, invoice.lines)
    used = {d.id: d for line in invoice.lines for d, off in line.discounts if off}
    invoice.discounts = [discount for discount in whole if discount.id in used]
    for discount in used.values():
        if discount.coupon.duration == "once":
            holder = subscription if discount.subscription is not None else None
            catalog.detach(account, discount, customer, holder)


def _apply(discount: Discount, lines: list[Line]) -> None:
    """Take a discount off the lines: percentages off all, amounts off full periods only."""
    coupon = discount.coupon
    chosen = [
        line
        for line in lines
        if line.amount != 0
        and line.price is not None
        and (not coupon.products or line.price.product in coupon.products)
        and not (line.proration and (coupon.percent is None or coupon.duration == "once"))
    ]
    if coupon.percent is not None:
        for line in chosen:
            off = pricing.round_half_up(Fraction(line.net) * Fraction(coupon.percent) / 100)
            line.discounts.append((discount, off))
        return
    total = sum(line.net for line in chosen)
    rest = min(coupon.amount or 0, total)
    if rest <= 0:
        return
    shares = [rest * line.net // total for line in chosen]
    by_remainder = sorted(range(len(chosen)), key=lambda index: -(rest * chosen[index].net % total))
    for index in by_remainder[: rest - sum(shares)]:
        shares[index] += 1
    for line, share in zip(chosen, shares, strict=True):
        if share:
            line.discounts.append((discount, share))


def apply_tax(invoice: Invoice) -> None:
    """Tax of each line, on what is left after discounts."""
    if invoice.subscription is None or invoice.subscription.tax is None:
        return
    percent, inclusive = invoice.subscription.tax
    rate = Fraction(percent) / 100
    for line in invoice.lines:
        share = rate / (1 + rate) if inclusive else rate
        line.tax = pricing.round_half_up(Fraction(line.net) * share)
        line.tax_inclusive = inclusive
