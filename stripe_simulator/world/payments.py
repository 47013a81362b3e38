"""Money that is tried, comes in, goes back and is contested.

What belongs here: charges, PaymentIntents, refunds, disputes and their balance transactions. What
does not: which invoice is collected when (`billing`).
"""

from stripe_simulator.world import log
from stripe_simulator.world.account import Account
from stripe_simulator.world.clock import AVAILABLE_SECONDS
from stripe_simulator.world.render.payments import FAILURES
from stripe_simulator.world.state import Charge, Customer, Dispute, Intent, Refund, Transaction

_FEE_FIXED = 30
_FEE_PER_MILLE = 29
_DISPUTE_FEE = 1_500
# Malformed calls and what Radar stops never reach the bank.
_OUTCOME_TYPES = {"invalid_amount": "invalid", "highest_risk_level": "blocked"}


def open_intent(
    account: Account,
    customer: Customer | None,
    currency: str,
    amount: int,
    description: str,
    *,
    invoice: str | None = None,
    manual_capture: bool = False,
) -> Intent:
    """A new PaymentIntent over `amount` minor units."""
    intent = Intent(
        account.ids.new("pi"),
        account.now,
        customer,
        currency,
        amount,
        description,
        invoice=invoice,
        manual_capture=manual_capture,
    )
    if invoice is not None:
        account.link(intent, invoice)
    account.show(intent, "payment_intent.created")
    return intent


def attempt(account: Account, intent: Intent, outcome: str) -> Charge:
    """Try to collect an intent.

    Args:
        account: The account.
        intent: What is to be paid.
        outcome: ``succeeded``, ``pending`` or one of the failures of `FAILURES`.
    """
    customer = intent.customer
    failed = outcome in FAILURES
    status = "failed" if failed else outcome
    captured = intent.amount if status == "succeeded" and not intent.manual_capture else 0
    charge = Charge(
        account.ids.new("ch"),
        account.now,
        customer,
        intent.currency,
        intent.amount,
        intent.description,
        status,
        intent.id,
        captured=captured,
        is_captured=captured > 0 or status == "pending",
        failure=outcome if failed else None,
        outcome_type=_OUTCOME_TYPES.get(outcome, "issuer_declined" if failed else "authorized"),
        last4="4242" if customer is None else customer.last4,
        method="us_bank_account" if status == "pending" else "card",
    )
    account.charges[charge.id] = charge
    intent.latest_charge = charge.id
    if charge.outcome_type != "invalid":
        account.decide(
            log.Attempted(
                account.now,
                charge.id,
                intent.invoice or intent.id,
                None if customer is None else customer.id,
                intent.currency,
                intent.amount,
                "failed" if failed else "pending" if status == "pending" else "succeeded",
                captured,
            )
        )
    if failed:
        intent.status = "requires_payment_method"
        intent.failure = ("card_declined", FAILURES[outcome])
        account.show(charge, "charge.failed")
        account.show(intent, "payment_intent.payment_failed")
    elif status == "pending":
        intent.status, intent.failure = "processing", None
        account.show(charge, "charge.pending")
        account.show(intent, "payment_intent.processing")
    elif intent.manual_capture:
        intent.status, intent.failure = "requires_capture", None
        account.show(charge, "charge.succeeded")
        account.show(intent, "payment_intent.amount_capturable_updated")
    else:
        _money_in(account, charge, captured)
        intent.status, intent.failure, intent.received = "succeeded", None, captured
        account.show(charge, "charge.succeeded")
        account.show(intent, "payment_intent.succeeded")
    return charge


def settle(account: Account, intent: Intent, charge: Charge, outcome: str) -> None:
    """Let a pending charge succeed or fail."""
    before = account.snapshot(charge)
    if outcome in FAILURES:
        charge.status, charge.failure, charge.outcome_type = "failed", outcome, "issuer_declined"
        account.decide(log.AttemptSettled(account.now, charge.id, "failed", 0))
        intent.status = "requires_payment_method"
        account.show(charge, "charge.failed", before=before)
        account.show(intent, "payment_intent.payment_failed")
        return
    charge.status, charge.captured, charge.is_captured = "succeeded", charge.amount, True
    account.decide(log.AttemptSettled(account.now, charge.id, "succeeded", charge.amount))
    _money_in(account, charge, charge.amount)
    intent.status, intent.received = "succeeded", charge.amount
    account.show(charge, "charge.succeeded", before=before)
    account.show(intent, "payment_intent.succeeded")


def capture(account: Account, intent: Intent, charge: Charge, amount: int) -> None:
    """Take `amount` of an authorisation; the rest of it is released."""
    before = account.snapshot(charge)
    charge.captured, charge.is_captured = amount, True
    if amount < charge.amount:
        _give_back_authorisation(account, charge, charge.amount - amount)
    account.decide(log.AttemptSettled(account.now, charge.id, "succeeded", amount))
    _money_in(account, charge, amount)
    intent.status, intent.received = "succeeded", amount
    account.show(charge, "charge.captured", before=before)
    account.show(intent, "payment_intent.succeeded")


def fail_early(account: Account, intent: Intent) -> None:
    """The payment method is refused before there is any charge."""
    intent.failure = ("authentication_required", FAILURES["authentication_required"])
    account.decide(
        log.IntentFailed(
            intent.created,
            account.now,
            intent.invoice or intent.id,
            intent.currency,
            intent.amount,
        )
    )
    account.show(intent, "payment_intent.payment_failed")


def release(account: Account, intent: Intent, charge: Charge) -> None:
    """An authorisation runs out without a capture; nothing ever came in."""
    before = account.snapshot(charge)
    _give_back_authorisation(account, charge, charge.amount)
    intent.status, intent.canceled_at = "canceled", account.now
    account.show(charge, "charge.refunded", before=before)
    account.show(intent, "payment_intent.canceled")


def _give_back_authorisation(account: Account, charge: Charge, amount: int) -> None:
    """Stripe shows the released part as a refund, though no money moved."""
    reason = "expired_uncaptured_charge" if not charge.is_captured else None
    released = Refund(account.ids.new("re"), account.now, charge, amount, "succeeded", reason)
    charge.refunded += amount
    account.show(released, "refund.created")


def refund(
    account: Account,
    charge: Charge,
    amount: int,
    *,
    status: str = "succeeded",
    reason: str | None = "requested_by_customer",
) -> Refund:
    """Give `amount` of a captured charge back."""
    thing = Refund(account.ids.new("re"), account.now, charge, amount, status, reason)
    if status in ("succeeded", "pending", "requires_action"):
        account.decide(log.Refunded(account.now, thing.id, charge.id, charge.currency, amount))
    if status == "succeeded":
        moved = _move(account, charge.currency, -amount, 0, "refund", "refund", thing.id)
        thing.transaction = moved.id
    before = account.snapshot(charge)
    if status not in ("failed", "canceled"):
        charge.refunded += amount
    account.show(thing, "refund.created")
    account.show(charge, "charge.refunded", before=before)
    return thing


def end_refund(account: Account, thing: Refund, status: str) -> None:
    """Let a pending refund succeed, fail or be canceled."""
    before, charge_before = account.snapshot(thing), account.snapshot(thing.charge)
    thing.status = status
    if status in ("failed", "canceled"):
        account.decide(log.RefundEnded(account.now, thing.id))
        thing.charge.refunded -= thing.amount
        account.show(thing.charge, "charge.updated", before=charge_before)
    elif thing.transaction is None:
        currency = thing.charge.currency
        moved = _move(account, currency, -thing.amount, 0, "refund", "refund", thing.id)
        thing.transaction = moved.id
    account.show(thing, "refund.updated", before=before)


def dispute(account: Account, charge: Charge, reason: str, *, inquiry: bool = False) -> Dispute:
    """Let the cardholder's bank contest a charge; an inquiry moves no money."""
    thing = Dispute(
        account.ids.new("du"),
        account.now,
        charge,
        charge.captured,
        reason,
        "warning_needs_response" if inquiry else "needs_response",
        case_type="inquiry" if inquiry else "chargeback",
    )
    charge.disputed = True
    if not inquiry:
        _dispute_money(account, thing, -thing.amount, _DISPUTE_FEE)
    account.show(charge, "charge.updated", before=None)
    account.show(thing, "charge.dispute.created")
    if not inquiry:
        account.show(thing, "charge.dispute.funds_withdrawn")
    return thing


def close_dispute(account: Account, thing: Dispute, status: str) -> None:
    """Let a dispute end ``won``, ``lost`` or ``warning_closed``."""
    thing.status = status
    thing.submissions = 1
    if status == "won":
        _dispute_money(account, thing, thing.amount, 0)
        account.show(thing, "charge.dispute.funds_reinstated")
    account.show(thing, "charge.dispute.closed")


def _dispute_money(account: Account, thing: Dispute, amount: int, fee: int) -> None:
    charge = thing.charge
    kind = "dispute" if amount < 0 else "dispute_reversal"
    moved = _move(account, charge.currency, amount, fee, "adjustment", kind, thing.id)
    thing.transactions.append(moved)
    # A dispute carries its movements, so it has to follow when their money becomes available.
    account.schedule(moved.created + AVAILABLE_SECONDS, Account.show, thing)
    account.decide(
        log.DisputeMoved(account.now, thing.created, thing.id, charge.id, charge.currency, amount)
    )


def _money_in(account: Account, charge: Charge, amount: int) -> None:
    fee = _FEE_FIXED + amount * _FEE_PER_MILLE // 1_000
    moved = _move(account, charge.currency, amount, fee, "charge", "charge", charge.id)
    charge.transaction = moved.id


def _move(
    account: Account, currency: str, amount: int, fee: int, kind: str, category: str, source: str
) -> Transaction:
    moved = Transaction(
        account.ids.new("txn"), account.now, currency, amount, fee, kind, category, source
    )
    account.show(moved)
    account.schedule(account.now + AVAILABLE_SECONDS, Account.show, moved)
    return moved
