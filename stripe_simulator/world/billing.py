"""Invoices: making, finalising and collecting them.

What belongs here: lines, discounts on lines, finalisation and dunning. What does not: why a
subscription is billed (`lifecycle`) and how a charge turns out (`behaviour`).
"""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from stripe_simulator.world import catalog, lifecycle, log, payments
from stripe_simulator.world.account import Account
from stripe_simulator.world.behaviour import outcome_of
from stripe_simulator.world.clock import DAY, HOUR
from stripe_simulator.world.render.payments import FAILURES
from stripe_simulator.world.state import (
    Customer,
    Discount,
    Invoice,
    InvoicePayment,
    Item,
    Line,
    Price,
    Subscription,
)

# Days from one failed attempt to the next; after the last the subscription's rule decides.
RETRY_DAYS = (3, 5, 7)
DRAFT_SECONDS = HOUR


def round_half_up(value: Fraction) -> int:
    """Nearest whole minor unit, halves away from zero, as Stripe rounds amounts."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def price_amount(price: Price, quantity: int | None) -> int:
    """What a period of `quantity` units costs, in minor units."""
    if price.metered or quantity is None:
        return 0
    units = quantity
    if price.divide_by is not None:
        whole, rest = divmod(quantity, price.divide_by)
        units = whole + (1 if rest and price.round_up else 0)
    if not price.tiers:
        return round_half_up(Fraction(price.unit or 0) * units)
    total, lower = Fraction(0), 0
    for tier in price.tiers:
        upper = units if tier.up_to is None else min(units, tier.up_to)
        inside = upper - lower
        last = tier.up_to is None or units <= tier.up_to
        if price.tiers_mode == "volume" and last:
            return round_half_up(Fraction(tier.unit or 0) * units + Fraction(tier.flat or 0))
        if price.tiers_mode == "graduated" and (inside > 0 or lower == 0):
            total += Fraction(tier.unit or 0) * inside + Fraction(tier.flat or 0)
        lower = upper
        if last:
            break
    return round_half_up(total)


def new_line(
    account: Account,
    subscription: Subscription,
    item: Item,
    *,
    amount: int | None = None,
    description: str | None = None,
) -> Line:
    """The line of an item's current period."""
    return Line(
        account.ids.new("il"),
        price_amount(item.price, item.quantity) if amount is None else amount,
        item.period_start,
        item.period_end,
        description or f"{item.quantity or 0} x {item.price.nickname or item.price.id}",
        item.price,
        item.quantity or 0,
        subscription.id,
        item.id,
    )


def new_invoice(
    account: Account,
    customer: Customer,
    currency: str,
    reason: str,
    lines: list[Line],
    subscription: Subscription | None = None,
    *,
    period: tuple[int, int] | None = None,
    proration_date: int | None = None,
    auto_advance: bool = True,
) -> Invoice:
    """A draft with these lines and every discount that is live now."""
    start, end = period or (account.now, account.now)
    invoice = Invoice(
        account.ids.new("in"),
        account.now,
        customer,
        currency,
        reason,
        start,
        end,
        subscription,
        lines,
        proration_date=proration_date,
        auto_advance=auto_advance,
    )
    _apply_discounts(account, invoice)
    _set_amount_due(invoice, customer.balance)
    account.show(invoice, "invoice.created")
    for line in lines:
        if line.item is not None and not line.proration and subscription is not None:
            for item in subscription.items:
                if item.id == line.item:
                    item.billed_by = (invoice.id, line.id)
    if subscription is not None:
        subscription.latest_invoice = invoice.id
        account.show(subscription)
    return invoice


def _apply_discounts(account: Account, invoice: Invoice) -> None:
    """Item discounts first, then the subscription's or else the customer's, in listed order."""
    subscription, customer = invoice.subscription, invoice.customer
    items = {item.id: item for item in subscription.items} if subscription is not None else {}
    for line in invoice.lines:
        if line.item in items:
            for discount in items[line.item].discounts:
                _apply(discount, [line])
    whole = list(subscription.discounts) if subscription is not None else []
    if not whole and customer.discount is not None:
        whole = [customer.discount]
    for discount in whole:
        _apply(discount, invoice.lines)
    used = {id(d): d for line in invoice.lines for d, amount in line.discounts if amount}
    invoice.discounts = list(used.values())
    for discount in invoice.discounts:
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
            off = round_half_up(Fraction(line.net) * Fraction(coupon.percent) / 100)
            line.discounts.append((discount, off))
        return
    total = sum(line.net for line in chosen)
    rest = min(coupon.amount or 0, total)
    if rest <= 0:
        return
    shares = [rest * line.net // total for line in chosen]
    remainders = sorted(range(len(chosen)), key=lambda index: -(rest * chosen[index].net % total))
    for index in remainders[: rest - sum(shares)]:
        shares[index] += 1
    for line, share in zip(chosen, shares, strict=True):
        if share:
            line.discounts.append((discount, share))


def _set_amount_due(invoice: Invoice, balance: int) -> None:
    invoice.starting_balance = balance
    invoice.amount_due = max(0, invoice.total + balance)


def finalise(account: Account, invoice: Invoice) -> None:
    """Make a draft binding and try to collect it."""
    if invoice.status != "draft" or invoice.customer.deleted:
        return
    customer = invoice.customer
    before, customer_before = account.snapshot(invoice), account.snapshot(customer)
    _set_amount_due(invoice, customer.balance)
    left = min(0, invoice.total + customer.balance)
    invoice.ending_balance = left
    customer.invoices += 1
    invoice.number = f"{customer.id[-8:].upper()}-{customer.invoices:04d}"
    invoice.finalized_at = account.now
    invoice.status = "open"
    account.decide(
        log.InvoiceFinalised(
            account.now,
            invoice.created,
            invoice.id,
            invoice.currency,
            invoice.total - invoice.tax,
        )
    )
    if left != customer.balance:
        customer.balance = left
        account.show(customer, "customer.updated", before=customer_before)
    account.show(customer)
    if invoice.amount_due > 0:
        intent = payments.open_intent(
            account,
            customer,
            invoice.currency,
            invoice.amount_due,
            "Subscription creation"
            if invoice.reason == "subscription_create"
            else "Subscription update",
            invoice=invoice.id,
        )
        invoice.intent = intent
        invoice.payment = InvoicePayment(
            account.ids.new("inpay"),
            account.now,
            invoice.id,
            invoice.currency,
            invoice.amount_due,
            intent.id,
        )
        account.show(invoice.payment)
        account.show(invoice, "invoice.finalized", before=before)
        if invoice.auto_advance:
            collect(account, invoice)
    else:
        _paid(account, invoice, "invoice.finalized")


def collect(account: Account, invoice: Invoice) -> None:
    """One attempt to collect an open invoice; what fails is tried again or given up."""
    intent = invoice.intent
    if invoice.status != "open" or intent is None or not invoice.auto_advance:
        return
    before = account.snapshot(invoice)
    invoice.attempts += 1
    charge = payments.attempt(account, intent, outcome_of(account, invoice))
    if charge.status == "succeeded":
        _paid(account, invoice, before=before)
        if account.after_charge is not None:
            account.after_charge(account, charge)
        return
    if charge.status == "pending":
        invoice.next_attempt = None
        account.show(invoice, "invoice.updated", before=before)
        days = invoice.customer.rng.randint(2, 4)
        account.schedule(account.now + days * DAY, _settle, invoice, charge)
        return
    _failed(account, invoice, before)


def _settle(account: Account, invoice: Invoice, charge: payments.Charge) -> None:
    """A pending charge of an invoice comes to its end."""
    if invoice.intent is None or charge.status != "pending":
        return
    before = account.snapshot(invoice)
    outcome = outcome_of(account, invoice, settling=True)
    payments.settle(account, invoice.intent, charge, outcome)
    if outcome in FAILURES:
        _failed(account, invoice, before)
    else:
        _paid(account, invoice, before=before)


def _failed(account: Account, invoice: Invoice, before: dict[str, object] | None) -> None:
    retries = len(RETRY_DAYS)
    may_retry = invoice.reason != "subscription_create" and invoice.attempts <= retries
    invoice.next_attempt = None
    if may_retry:
        invoice.next_attempt = account.now + RETRY_DAYS[invoice.attempts - 1] * DAY
        account.schedule(invoice.next_attempt, collect, invoice)
    account.show(invoice, "invoice.payment_failed", "invoice.updated", before=before)
    customer = invoice.customer
    if not customer.delinquent and not customer.deleted:
        customer_before = account.snapshot(customer)
        customer.delinquent = True
        account.show(customer, "customer.updated", before=customer_before)
    if invoice.subscription is not None:
        lifecycle.payment_failed(account, invoice.subscription, invoice, final=not may_retry)


def _paid(
    account: Account, invoice: Invoice, *extra: str, before: dict[str, object] | None = None
) -> None:
    """The invoice is settled."""
    invoice.status, invoice.paid_at, invoice.next_attempt = "paid", account.now, None
    if invoice.intent is not None:
        invoice.amount_paid = invoice.amount_due
        if invoice.payment is not None:
            invoice.payment.status = "paid"
            invoice.payment.paid = invoice.amount_due
            invoice.payment.paid_at = account.now
            account.show(invoice.payment, "invoice_payment.paid")
    account.show(
        invoice,
        *extra,
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        before=before,
    )
    customer = invoice.customer
    if customer.delinquent and not customer.deleted:
        customer_before = account.snapshot(customer)
        customer.delinquent = False
        account.show(customer, "customer.updated", before=customer_before)
    if invoice.subscription is not None:
        lifecycle.payment_succeeded(account, invoice.subscription, invoice)


def void(account: Account, invoice: Invoice) -> None:
    """Void an open invoice: it is owed no longer and counts nowhere."""
    if invoice.status not in ("open", "uncollectible"):
        return
    before = account.snapshot(invoice)
    invoice.status, invoice.voided_at, invoice.next_attempt = "void", account.now, None
    account.decide(log.InvoiceVoided(account.now, invoice.id))
    if invoice.payment is not None:
        invoice.payment.status, invoice.payment.canceled_at = "canceled", account.now
        account.show(invoice.payment)
    if invoice.intent is not None and invoice.intent.status != "succeeded":
        invoice.intent.status, invoice.intent.canceled_at = "canceled", account.now
        account.show(invoice.intent, "payment_intent.canceled")
    account.show(invoice, "invoice.voided", before=before)


def stop_collecting(account: Account, invoice: Invoice) -> None:
    """Try no further: the invoice stays open, nothing is charged by itself."""
    if invoice.status != "open":
        return
    before = account.snapshot(invoice)
    invoice.auto_advance, invoice.next_attempt = False, None
    account.show(invoice, "invoice.updated", before=before)
