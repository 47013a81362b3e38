"""Cases of payments, refunds, disputes and credit notes (docs/metrics.md §4, §7)."""

from stripe_simulator.world import billing, lines, payments
from stripe_simulator.world.cases.stage import Play, Stage, case


@case("§6")
def three_attempts_last_succeeds(stage: Stage) -> Play:
    """One thing owed, three attempts: a third raw, all of it deduplicated."""
    intent = stage.intent()
    payments.attempt(stage.account, intent, "card_declined")
    yield 3_600
    payments.attempt(stage.account, intent, "insufficient_funds")
    yield stage.days(1)
    payments.attempt(stage.account, intent, "succeeded")


@case("§4")
def never_recovered(stage: Stage) -> Play:
    """A payment that fails for good."""
    intent = stage.intent()
    payments.attempt(stage.account, intent, "card_declined")
    yield stage.days(2)
    payments.attempt(stage.account, intent, "card_declined")


@case("§4")
def charge_without_customer(stage: Stage) -> Play:
    """A guest pays: revenue, but no customer who ever paid."""
    currency = stage.account.default_currency
    intent = payments.open_intent(stage.account, None, currency, 4_200, "Guest checkout")
    payments.attempt(stage.account, intent, "succeeded")
    yield from ()


@case("§4")
def malformed_call(stage: Stage) -> Play:
    """`outcome.type` invalid is no attempt."""
    stage.pay(outcome="invalid_amount")
    yield from ()


@case("§4")
def blocked_by_radar(stage: Stage) -> Play:
    """Stopped before the bank saw it: a failed attempt all the same."""
    stage.pay(outcome="highest_risk_level")
    yield from ()


@case("§4")
def failed_before_a_charge(stage: Stage) -> Play:
    """A PaymentIntent that failed before any charge existed."""
    intent = stage.intent()
    yield 120
    payments.fail_early(stage.account, intent)


@case("§4")
def authorised_and_captured(stage: Stage) -> Play:
    """An authorisation captured three days later: revenue of the charge's day."""
    intent = stage.intent(8_000, manual_capture=True)
    charge = payments.attempt(stage.account, intent, "succeeded")
    yield stage.days(3)
    payments.capture(stage.account, intent, charge, 8_000)


@case("§7")
def captured_in_part(stage: Stage) -> Play:
    """The released part of an authorisation is no refund; what is given back later is."""
    intent = stage.intent(8_000, manual_capture=True)
    charge = payments.attempt(stage.account, intent, "succeeded")
    yield stage.days(2)
    payments.capture(stage.account, intent, charge, 5_500)
    yield stage.days(4)
    payments.refund(stage.account, charge, 1_500)


@case("§4")
def authorisation_expires(stage: Stage) -> Play:
    """Never captured: succeeded, but no revenue and no refund."""
    intent = stage.intent(8_000, manual_capture=True)
    charge = payments.attempt(stage.account, intent, "succeeded")
    yield stage.days(7)
    payments.release(stage.account, intent, charge)


@case("§4")
def bank_debit_succeeds(stage: Stage) -> Play:
    """Pending for three days, then there."""
    intent = stage.intent(7_000)
    charge = payments.attempt(stage.account, intent, "pending")
    yield stage.days(3)
    payments.settle(stage.account, intent, charge, "succeeded")


@case("§4")
def bank_debit_fails(stage: Stage) -> Play:
    """Pending for three days, then refused."""
    intent = stage.intent(7_000)
    charge = payments.attempt(stage.account, intent, "pending")
    yield stage.days(3)
    payments.settle(stage.account, intent, charge, "insufficient_funds")


@case("§4")
def subscription_by_bank_debit(stage: Stage) -> Play:
    """A renewal that is pending for some days."""
    stage.script("succeeded", "pending", "succeeded", "pending", "insufficient_funds")
    stage.subscribe(stage.price())
    yield from ()


@case("§4")
def full_refund(stage: Stage) -> Play:
    """All of it back, on a later day."""
    charge = stage.pay()
    yield stage.days(6)
    payments.refund(stage.account, charge, charge.amount)


@case("§4")
def two_partial_refunds(stage: Stage) -> Play:
    """A part back, and another part."""
    charge = stage.pay()
    yield stage.days(2)
    payments.refund(stage.account, charge, 1_000)
    yield stage.days(2)
    payments.refund(stage.account, charge, 2_500)


@case("§7")
def refund_of_an_old_charge(stage: Stage) -> Play:
    """The charge is older than the imported window, its refund is not."""
    charge = stage.pay()
    yield stage.days(110)
    payments.refund(stage.account, charge, 2_000)


@case("§7")
def refund_fails(stage: Stage) -> Play:
    """A refund that comes back does not count."""
    charge = stage.pay()
    yield stage.days(1)
    refund = payments.refund(stage.account, charge, 2_000, status="pending")
    yield stage.days(5)
    payments.end_refund(stage.account, refund, "failed")


@case("§7")
def refund_canceled(stage: Stage) -> Play:
    """A refund that waits for the customer and is canceled."""
    charge = stage.pay()
    yield stage.days(1)
    refund = payments.refund(stage.account, charge, 2_000, status="requires_action")
    yield stage.days(9)
    payments.end_refund(stage.account, refund, "canceled")


@case("§7")
def refund_pending_then_done(stage: Stage) -> Play:
    """A pending refund counts from its creation."""
    charge = stage.pay()
    yield stage.days(1)
    refund = payments.refund(stage.account, charge, 2_000, status="pending")
    yield stage.days(4)
    payments.end_refund(stage.account, refund, "succeeded")


@case("§4")
def dispute_lost(stage: Stage) -> Play:
    """The money leaves on the day of the dispute and stays away."""
    charge = stage.pay()
    yield stage.days(12)
    dispute = payments.dispute(stage.account, charge, "fraudulent")
    yield stage.days(30)
    payments.close_dispute(stage.account, dispute, "lost")


@case("§4")
def dispute_won(stage: Stage) -> Play:
    """The money leaves and returns on the day that the dispute was won."""
    charge = stage.pay()
    yield stage.days(12)
    dispute = payments.dispute(stage.account, charge, "product_not_received")
    yield stage.days(30)
    payments.close_dispute(stage.account, dispute, "won")


@case("§7")
def inquiry(stage: Stage) -> Play:
    """An inquiry moves no money."""
    charge = stage.pay()
    yield stage.days(12)
    dispute = payments.dispute(stage.account, charge, "general", inquiry=True)
    yield stage.days(20)
    payments.close_dispute(stage.account, dispute, "warning_closed")


@case("§7")
def paid_elsewhere_after_a_failure(stage: Stage) -> Play:
    """Failed by card, then paid outside Stripe: recovered, and in no rate."""
    stage.script("succeeded", "card_declined", "card_declined", "succeeded")
    subscription = stage.subscribe(stage.price())
    yield stage.days(36)
    if subscription.invoices[-1].status == "open":
        billing.pay_elsewhere(stage.account, subscription.invoices[-1])


@case("§4")
def invoice_voided(stage: Stage) -> Play:
    """A finalised invoice that is voided later is no revenue of its day."""
    subscription = stage.subscribe(stage.price(), collection_method="send_invoice")
    yield stage.days(5)
    billing.void(stage.account, subscription.invoices[-1])


@case("§4")
def invoice_uncollectible(stage: Stage) -> Play:
    """A finalised invoice that is given up stays invoiced."""
    subscription = stage.subscribe(stage.price(), collection_method="send_invoice")
    yield stage.days(5)
    billing.give_up(stage.account, subscription.invoices[-1])


@case("§4")
def invoice_without_subscription(stage: Stage) -> Play:
    """A one-time invoice: revenue, but no MRR."""
    price = stage.price(7_700, None, product="Case workshop")
    made = [lines.one_time_line(stage.account, price, 2)]
    invoice = billing.new_invoice(
        stage.account, stage.customer, stage.account.default_currency, "manual", made
    )
    yield 3_600
    billing.finalise(stage.account, invoice)


@case("§1")
def setup_fee(stage: Stage) -> Play:
    """Something sold once on a subscription's invoice is no MRR."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(9)
    price = stage.price(5_500, None, product="Case setup")
    subscription.pending.append(lines.one_time_line(stage.account, price, 1, subscription))


@case("§4")
def credit_note_with_refund(stage: Stage) -> Play:
    """A credit note and its refund are one loss, not two."""
    stage.script("succeeded")
    subscription = stage.subscribe(stage.price(6_000))
    yield stage.days(4)
    invoice = subscription.invoices[0]
    if invoice.amount_paid:
        refund = payments.refund(stage.account, stage.charge_of(invoice), 1_500)
        billing.credit(stage.account, invoice, 1_500, refund=refund)


@case("§4")
def credit_note_before_payment(stage: Stage) -> Play:
    """A credit note lowers what is still to be paid."""
    stage.script("succeeded", "card_declined", "succeeded")
    subscription = stage.subscribe(stage.price(6_000))
    yield stage.days(32)
    if subscription.invoices[-1].status == "open":
        billing.credit(stage.account, subscription.invoices[-1], 1_000)


@case("§4")
def credit_note_to_balance(stage: Stage) -> Play:
    """A credit note that the next invoice uses up."""
    stage.script("succeeded")
    subscription = stage.subscribe(stage.price(6_000))
    yield stage.days(4)
    if subscription.invoices[0].amount_paid:
        billing.credit(stage.account, subscription.invoices[0], 2_000, to_balance=True)
