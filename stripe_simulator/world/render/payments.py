"""PaymentIntents, charges, refunds, disputes and balance transactions as Stripe shows them."""

from typing import TYPE_CHECKING, Any

from stripe_simulator.world.clock import AVAILABLE_SECONDS, DAY
from stripe_simulator.world.state import Charge, Dispute, Intent, Refund, Transaction

if TYPE_CHECKING:
    from stripe_simulator.world.account import Account

FAILURES = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "invalid_amount": "The payment amount is invalid.",
    "highest_risk_level": "Your card was declined.",
}
# These are decline codes: the failure code is `card_declined`, the reason says which.
_DECLINE_CODES = ("insufficient_funds", "highest_risk_level")
_DISPUTE_DUE_DAYS = 14


def intent(account: "Account", thing: Intent) -> dict[str, Any]:
    """A PaymentIntent."""
    error = None
    if thing.failure is not None:
        code, message = thing.failure
        error = {"code": code, "message": message, "type": "card_error"}
        if thing.latest_charge is not None:
            error["charge"] = thing.latest_charge
    return {
        "id": thing.id,
        "object": "payment_intent",
        "amount": thing.amount,
        "amount_capturable": thing.amount if thing.status == "requires_capture" else 0,
        "amount_received": thing.received,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": thing.canceled_at,
        "cancellation_reason": None if thing.canceled_at is None else "requested_by_customer",
        "capture_method": "manual" if thing.manual_capture else "automatic",
        "client_secret": f"{thing.id}_secret_simulated",
        "confirmation_method": "automatic",
        "created": thing.created,
        "currency": thing.currency,
        "customer": None if thing.customer is None else thing.customer.id,
        "description": thing.description,
        "last_payment_error": error,
        "latest_charge": thing.latest_charge,
        "livemode": account.livemode,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": thing.status,
        "transfer_data": None,
        "transfer_group": None,
    }


def charge(account: "Account", thing: Charge) -> dict[str, Any]:
    """A charge. Its refunds are an object type of their own and only by expansion here."""
    customer = thing.customer
    return {
        "id": thing.id,
        "object": "charge",
        "amount": thing.amount,
        "amount_captured": thing.captured,
        "amount_refunded": thing.refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": thing.transaction,
        "billing_details": {
            "address": {
                "city": None,
                "country": None,
                "line1": None,
                "line2": None,
                "postal_code": None,
                "state": None,
            },
            "email": None if customer is None else customer.email,
            "name": None if customer is None else customer.name,
            "phone": None,
            "tax_id": None,
        },
        "calculated_statement_descriptor": account.name[:22].upper(),
        "captured": thing.is_captured,
        "created": thing.created,
        "currency": thing.currency,
        "customer": None if customer is None else customer.id,
        "description": thing.description,
        "disputed": thing.disputed,
        "failure_balance_transaction": None,
        "failure_code": _failure_code(thing.failure),
        "failure_message": None if thing.failure is None else FAILURES[thing.failure],
        "fraud_details": {},
        "livemode": account.livemode,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": _outcome(thing),
        "paid": thing.status != "failed",
        "payment_intent": thing.intent,
        "payment_method": f"pm_{thing.id[3:]}",
        "payment_method_details": _method(thing),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/{thing.id}"
        if thing.status == "succeeded"
        else None,
        "refunded": thing.refunded == thing.amount and thing.amount > 0,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": thing.status,
        "transfer_data": None,
        "transfer_group": None,
    }


def _failure_code(failure: str | None) -> str | None:
    return "card_declined" if failure in _DECLINE_CODES else failure


def _outcome(thing: Charge) -> dict[str, Any]:
    failed = thing.failure is not None
    network = {"authorized": "approved_by_network", "issuer_declined": "declined_by_network"}
    return {
        "advice_code": "try_again_later" if thing.outcome_type == "issuer_declined" else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network.get(thing.outcome_type, "not_sent_to_network"),
        "reason": thing.failure if failed and thing.outcome_type != "invalid" else None,
        "risk_level": "normal",
        "risk_score": 17,
        "seller_message": "The bank did not return any further details with this decline."
        if failed
        else "Payment complete.",
        "type": thing.outcome_type,
    }


def _method(thing: Charge) -> dict[str, Any]:
    if thing.method != "card":
        return {thing.method: {}, "type": thing.method}
    return {
        "card": {
            "amount_authorized": thing.amount if thing.status == "succeeded" else None,
            "brand": "visa",
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": "US" if thing.customer is None else thing.customer.country,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": "SimulatedPrint01",
            "funding": "credit",
            "installments": None,
            "last4": thing.last4,
            "mandate": None,
            "network": "visa",
            "network_token": None,
            "three_d_secure": None,
            "wallet": None,
        },
        "type": "card",
    }


def refund(account: "Account", thing: Refund) -> dict[str, Any]:
    """A refund."""
    rendered = {
        "id": thing.id,
        "object": "refund",
        "amount": thing.amount,
        "balance_transaction": thing.transaction,
        "charge": thing.charge.id,
        "created": thing.created,
        "currency": thing.charge.currency,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": {},
        "payment_intent": thing.charge.intent,
        "reason": thing.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": thing.status,
        "transfer_reversal": None,
    }
    if thing.status == "failed":
        rendered["failure_reason"] = "expired_or_canceled_card"
    if thing.status == "pending":
        rendered["pending_reason"] = "processing"
    return rendered


def dispute(account: "Account", thing: Dispute) -> dict[str, Any]:
    """A dispute with the balance transactions that it caused."""
    return {
        "id": thing.id,
        "object": "dispute",
        "amount": thing.amount,
        "balance_transactions": [transaction(account, moved) for moved in thing.transactions],
        "charge": thing.charge.id,
        "created": thing.created,
        "currency": thing.charge.currency,
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": thing.created + _DISPUTE_DUE_DAYS * DAY,
            "enhanced_eligibility": {},
            "has_evidence": thing.submissions > 0,
            "past_due": False,
            "submission_count": thing.submissions,
        },
        "is_charge_refundable": thing.case_type == "inquiry",
        "livemode": account.livemode,
        "metadata": {},
        "payment_intent": thing.charge.intent,
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": thing.case_type,
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": thing.reason,
        "status": thing.status,
    }


def transaction(account: "Account", thing: Transaction) -> dict[str, Any]:
    """A balance transaction."""
    fees = [
        {
            "amount": thing.fee,
            "application": None,
            "currency": thing.currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": thing.id,
        "object": "balance_transaction",
        "amount": thing.amount,
        "available_on": thing.created + AVAILABLE_SECONDS,
        "balance_type": "payments",
        "created": thing.created,
        "currency": thing.currency,
        "description": thing.description,
        "exchange_rate": None,
        "fee": thing.fee,
        "fee_details": fees if thing.fee else [],
        "net": thing.amount - thing.fee,
        "reporting_category": thing.category,
        "source": thing.source,
        "status": "available" if account.now >= thing.created + AVAILABLE_SECONDS else "pending",
        "type": thing.kind,
    }
