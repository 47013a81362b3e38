"""Invoices: making, finalising, collecting, voiding, crediting them.

What belongs here: the life of an invoice, with dunning. What does not: lines (`lines`), why a
subscription is billed (`lifecycle`) and how a charge turns out (`behaviour`).
"""

from typing import Any

from stripe_simulator.world import lifecycle, lines, log, payments
from stripe_simulator.world.account import Account
from stripe_simulator.world.behaviour import outcome_of
from stripe_simulator.world.clock import DAY, HOUR
from stripe_simulator.world.render.payments import FAILURES
from stripe_simulator.world.state import (
    Charge,
    CreditNote,
    Customer,
    Invoice,
    InvoicePayment,
    Line,
    Refund,
    Subscription,
)

# Days from one failed attempt to the next; after the last the subscription's rule decides.
RETRY_DAYS = (3, 5, 7)
DRAFT_SECONDS = HOUR


def new_invoice(
    account: Account,
    customer: Customer,
    currency: str,
    reason: str,
    parts: list[Line],
    subscription: Subscription | None = None,
    *,
    period: tuple[int, int] | None = None,
    proration_date: int | None = None,
) -> Invoice:
    """A draft with these lines, what was pending, and every discount that is live now."""
    start, end = period or (account.now, account.now)
    if subscription is not None and subscription.pending:
        parts = [*parts, *subscription.pending]
        subscription.pending = []
    invoice = Invoice(
        account.ids.new("in"),
        account.now,
        customer,
        currency,
        reason,
        start,
        end,
        subscription,
        parts,
        proration_date=proration_date,
    )
    lines.apply_discounts(account, invoice)
    lines.apply_tax(invoice)
    _set_amount_due(invoice)
    if subscription is not None:
        subscription.invoices.append(invoice)
        items = {item.id: item for item in subscription.items}
        for line in parts:
            if line.item in items and not line.proration:
                items[line.item].billed_by = (invoice.id, line.id)
        account.show(subscription)
    account.show(invoice, "invoice.created")
    return invoice


def _balance(invoice: Invoice) -> int:
    """The customer's credit (negative) or debt that this invoice can use: only its currency's."""
    customer = invoice.customer
    return customer.balance if customer.currency in (None, invoice.currency) else 0


def _set_amount_due(invoice: Invoice) -> None:
    invoice.starting_balance = _balance(invoice)
    invoice.amount_due = max(0, invoice.total + invoice.starting_balance)


def finalise(account: Account, invoice: Invoice) -> None:
    """Make a draft binding and try to collect it."""
    if invoice.status != "draft" or invoice.customer.deleted:
        return
    customer = invoice.customer
    before, customer_before = account.snapshot(invoice), account.snapshot(customer)
    _set_amount_due(invoice)
    balance = invoice.starting_balance
    left = min(0, invoice.total + balance)
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
    if left != balance:
        customer.balance += left - balance
        account.show(customer, "customer.updated", before=customer_before)
    account.show(customer)
    pause = None if invoice.subscription is None else invoice.subscription.pause
    if pause in ("void", "mark_uncollectible"):
        account.show(invoice, "invoice.finalized", before=before)
        (void if pause == "void" else give_up)(account, invoice)
        return
    if invoice.amount_due == 0:
        account.show(invoice, "invoice.finalized", before=before)
        _paid(account, invoice, account.snapshot(invoice))
        return
    if _by_hand(invoice):
        account.show(invoice, "invoice.finalized", "invoice.sent", before=before)
        return
    words = "creation" if invoice.reason == "subscription_create" else "update"
    intent = payments.open_intent(
        account,
        customer,
        invoice.currency,
        invoice.amount_due,
        f"Subscription {words}",
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
    collect(account, invoice)


def _by_hand(invoice: Invoice) -> bool:
    subscription = invoice.subscription
    return subscription is not None and subscription.collection_method == "send_invoice"


def collect(account: Account, invoice: Invoice) -> None:
    """One attempt to collect an open invoice; what fails is tried again or given up."""
    intent = invoice.intent
    if invoice.status != "open" or intent is None or not invoice.auto_advance:
        return
    if intent.status == "processing":
        return
    before = account.snapshot(invoice)
    invoice.attempts += 1
    charge = payments.attempt(account, intent, outcome_of(account, invoice))
    if charge.status == "succeeded":
        _paid(account, invoice, before)
        _after_charge(account, charge)
    elif charge.status == "pending":
        invoice.next_attempt = None
        account.show(invoice, "invoice.updated", before=before)
        days = invoice.customer.rng.randint(2, 4)
        account.schedule(account.now + days * DAY, _settle, invoice, charge)
    else:
        _failed(account, invoice, before)


def _after_charge(account: Account, charge: Charge) -> None:
    if account.after_charge is not None:
        account.after_charge(account, charge)


def _settle(account: Account, invoice: Invoice, charge: Charge) -> None:
    """A pending charge of an invoice comes to its end."""
    if invoice.intent is None or charge.status != "pending":
        return
    before = account.snapshot(invoice)
    outcome = outcome_of(account, invoice, settling=True)
    payments.settle(account, invoice.intent, charge, outcome)
    if outcome in FAILURES:
        _failed(account, invoice, before)
    else:
        _paid(account, invoice, before)


def _failed(account: Account, invoice: Invoice, before: dict[str, Any] | None) -> None:
    may_retry = invoice.reason != "subscription_create" and invoice.attempts <= len(RETRY_DAYS)
    invoice.next_attempt = None
    if may_retry:
        invoice.next_attempt = account.now + RETRY_DAYS[invoice.attempts - 1] * DAY
        account.schedule(invoice.next_attempt, collect, invoice)
    account.show(invoice, "invoice.payment_failed", "invoice.updated", before=before)
    _set_delinquent(account, invoice.customer, True)
    if invoice.subscription is not None:
        lifecycle.payment_failed(account, invoice.subscription, invoice, final=not may_retry)


def _set_delinquent(account: Account, customer: Customer, value: bool) -> None:
    if customer.delinquent == value or customer.deleted:
        return
    before = account.snapshot(customer)
    customer.delinquent = value
    account.show(customer, "customer.updated", before=before)


def _paid(account: Account, invoice: Invoice, before: dict[str, Any] | None) -> None:
    """The invoice is settled."""
    invoice.status, invoice.paid_at, invoice.next_attempt = "paid", account.now, None
    if invoice.intent is not None and not invoice.paid_elsewhere:
        invoice.amount_paid = invoice.amount_due
        if invoice.payment is not None:
            invoice.payment.status = "paid"
            invoice.payment.paid = invoice.amount_due
            invoice.payment.paid_at = account.now
            account.show(invoice.payment, "invoice_payment.paid")
    account.show(
        invoice, "invoice.updated", "invoice.paid", "invoice.payment_succeeded", before=before
    )
    _set_delinquent(account, invoice.customer, False)
    if invoice.subscription is not None:
        lifecycle.payment_succeeded(account, invoice.subscription, invoice)


def pay_elsewhere(account: Account, invoice: Invoice) -> None:
    """The customer pays outside Stripe, perhaps after a card failed."""
    if invoice.status != "open":
        return
    before = account.snapshot(invoice)
    invoice.paid_elsewhere = invoice.amount_due
    _cancel_intent(account, invoice)
    account.decide(
        log.InvoicePaidElsewhere(
            account.now,
            invoice.created,
            invoice.id,
            invoice.customer.id,
            invoice.currency,
            invoice.amount_due,
        )
    )
    _paid(account, invoice, before)


def _cancel_intent(account: Account, invoice: Invoice) -> None:
    if invoice.payment is not None:
        invoice.payment.status, invoice.payment.canceled_at = "canceled", account.now
        account.show(invoice.payment)
    if invoice.intent is not None and invoice.intent.status != "succeeded":
        invoice.intent.status, invoice.intent.canceled_at = "canceled", account.now
        account.show(invoice.intent, "payment_intent.canceled")


def void(account: Account, invoice: Invoice) -> None:
    """Void an open invoice: it is owed no longer and counts nowhere."""
    if invoice.status not in ("open", "uncollectible"):
        return
    before = account.snapshot(invoice)
    invoice.status, invoice.voided_at, invoice.next_attempt = "void", account.now, None
    account.decide(log.InvoiceVoided(account.now, invoice.id))
    _cancel_intent(account, invoice)
    account.show(invoice, "invoice.voided", before=before)


def give_up(account: Account, invoice: Invoice) -> None:
    """Mark an open invoice uncollectible: bad debt, but it was binding."""
    if invoice.status != "open":
        return
    before = account.snapshot(invoice)
    invoice.status, invoice.uncollectible_at = "uncollectible", account.now
    invoice.next_attempt = None
    account.show(invoice, "invoice.marked_uncollectible", before=before)


def stop_collecting(account: Account, invoice: Invoice) -> None:
    """Try no further: the invoice stays open, nothing is charged by itself."""
    if invoice.status != "open" or not invoice.auto_advance:
        return
    before = account.snapshot(invoice)
    invoice.auto_advance, invoice.next_attempt = False, None
    account.show(invoice, "invoice.updated", before=before)


def pay_now(account: Account, invoice: Invoice) -> None:
    """The customer pays a draft or open invoice by hand, as after `unpaid`."""
    invoice.auto_advance = True
    if invoice.status == "draft":
        finalise(account, invoice)
    elif invoice.intent is not None:
        collect(account, invoice)


def credit(
    account: Account,
    invoice: Invoice,
    amount: int,
    *,
    refund: Refund | None = None,
    to_balance: bool = False,
) -> CreditNote:
    """A credit note over `amount` (with tax): lowers an open invoice, else says what was repaid.

    Args:
        account: The account.
        invoice: A finalised invoice.
        amount: Minor units.
        refund: The refund that the note stands for, if money went back.
        to_balance: Whether the customer's balance got it instead.
    """
    before = account.snapshot(invoice)
    is_open = invoice.status == "open"
    tax = amount * invoice.tax // invoice.total if invoice.total else 0
    note = CreditNote(
        account.ids.new("cn"),
        account.now,
        invoice,
        amount,
        tax,
        f"{invoice.number}-CN-01",
        refund=refund,
        pre_payment=is_open,
    )
    if is_open:
        invoice.credited_before += amount
        invoice.amount_due -= amount
        if invoice.intent is not None and invoice.payment is not None:
            invoice.intent.amount = invoice.payment.requested = invoice.amount_due
            account.show(invoice.payment)
            account.show(invoice.intent)
    else:
        invoice.credited_after += amount
        if to_balance:
            note.to_balance = amount
            customer_before = account.snapshot(invoice.customer)
            invoice.customer.balance -= amount
            account.show(invoice.customer, "customer.updated", before=customer_before)
        elif refund is None:
            note.outside = amount
    account.show(note, "credit_note.created")
    account.show(invoice, "invoice.updated", before=before)
    return note
