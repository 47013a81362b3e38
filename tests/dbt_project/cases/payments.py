"""Attempts, payments and revenue: `docs/metrics.md` §4 and §7."""

from __future__ import annotations

from tests.dbt_project.casting import Expected, Streams, case
from tests.dbt_project.objects import (
    ago,
    charge,
    dispute,
    event,
    invoice,
    refund,
)


@case
def three_attempts_one_payment() -> tuple[Streams, Expected]:
    """Raw 33.3 %, deduplicated 100 %."""
    sent = invoice(created=ago(0.3), total=1000, amount_due=1000)
    tries = [
        charge(1000, ago(0.3), "failed", payment_intent="pi_1"),
        charge(1000, ago(0.2), "failed", payment_intent="pi_1"),
        charge(1000, ago(0.1), payment_intent="pi_1"),
    ]
    sent["payments"]["data"] = [
        {
            "id": "inpay_1",
            "status": "paid",
            "amount_paid": 1000,
            "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
        }
    ]
    return {"invoices": [sent], "charges": tries}, {
        "attempt_success_rate": "0.333333",
        "payment_success_rate": "1",
        "failed_payments": 2,
        "failed_amount": "20",
        "failed_payments_unrecovered": 0,
        "transaction_count": 1,
        "gross_revenue": "10",
    }


@case
def what_is_no_failed_payment() -> tuple[Streams, Expected]:
    """Malformed calls, uncaptured authorisations and pending debits."""
    return {
        "charges": [
            charge(1000, ago(0.1), "failed", outcome={"type": "invalid", "reason": None}),
            charge(2000, ago(0.1), captured=False, amount_captured=0),
            charge(3000, ago(0.1), "pending", outcome=None),
        ]
    }, {
        "failed_payments": 0,
        "transaction_count": 1,
        "gross_revenue": "0",
        "pending_payments": 1,
        "succeeded_payments": 1,
        "payment_success_rate": "1",
    }


@case
def a_failure_before_any_charge() -> tuple[Streams, Expected]:
    """An attempt of its own, dated by the PaymentIntent, unless a charge followed."""
    intent = {
        "id": "pi_3",
        "object": "payment_intent",
        "created": ago(0.2),
        "customer": "cus_a",
        "currency": "usd",
        "amount": 4000,
        "latest_charge": None,
        "last_payment_error": {"code": "payment_intent_authentication_failure"},
    }
    charged = intent | {"id": "pi_4"}
    return {
        "events": [
            event("payment_intent.payment_failed", intent, ago(0.1)),
            event("payment_intent.payment_failed", intent, ago(0.05)),
            event("payment_intent.payment_failed", charged, ago(0.1)),
        ],
        "charges": [charge(2000, ago(0.05), payment_intent="pi_4")],
    }, {"failed_payments": 1, "failed_amount": "40", "payment_success_rate": "0.5"}


@case
def only_money_that_came_in_goes_out() -> tuple[Streams, Expected]:
    """The rest of a partial capture is let go, not refunded; failed refunds count nothing."""
    partly = charge(10000, ago(0.3), amount_captured=6000)
    whole = charge(5000, ago(0.3))
    return {
        "charges": [partly, whole],
        "refunds": [
            refund(partly, 4000, ago(0.2)),
            refund(partly, 1000, ago(0.1)),
            refund(whole, 500, ago(0.1), status="pending"),
            refund(whole, 700, ago(0.1), status="failed"),
            refund(whole, 900, ago(0.1), status="canceled"),
        ],
    }, {"gross_revenue": "110", "refunds": "15", "net_revenue": "95"}


@case
def disputes_move_money_on_their_days() -> tuple[Streams, Expected]:
    """Lost ones withdraw, won ones return later, inquiries do nothing."""
    paid = charge(10000, ago(20))
    lost = dispute(paid, "lost", ago(0.2), (-10000, ago(0.2)))
    won = dispute(paid, "won", ago(10), (-10000, ago(10)), (10000, ago(0.1)))
    asked = dispute(paid, "warning_closed", ago(0.2))
    second = dispute(paid, "lost", ago(0.2), (-2500, ago(0.2)))
    return {"charges": [paid], "disputes": [lost, won, asked, second]}, {
        "disputes": "25",
        "net_revenue": "-25",
    }


@case
def paid_outside_stripe() -> tuple[Streams, Expected]:
    """Invoiced and collected, never an attempt; a failed card before it is recovered."""
    failed = charge(3000, ago(0.2), "failed", payment_intent="pi_2")
    sent = invoice(
        created=ago(0.2),
        total=3000,
        total_excluding_tax=2500,
        amount_due=3000,
        amount_paid_off_stripe=3000,
    )
    sent["payments"]["data"] = [
        {
            "id": "inpay_2",
            "status": "canceled",
            "amount_paid": None,
            "payment": {"type": "payment_intent", "payment_intent": "pi_2"},
        }
    ]
    void = invoice(created=ago(0.2), total=9900, total_excluding_tax=9900, status="void")
    draft = invoice(created=ago(0.2), total=9900, total_excluding_tax=9900, status="draft")
    draft["status_transitions"] = dict.fromkeys(draft["status_transitions"])
    return {"invoices": [sent, void, draft], "charges": [failed]}, {
        "invoiced_revenue": "25",
        "gross_revenue": "0",
        "realised_revenue_per_customer": "30",
        "failed_payments": 1,
        "failed_payments_unrecovered": 0,
        "payment_success_rate": None,
    }


@case
def failed_then_pending_is_not_recovered_yet() -> tuple[Streams, Expected]:
    """No success yet: neither in the rate nor recovered. Pending alone did not fail."""
    tries = [
        charge(1000, ago(0.3), "failed", payment_intent="pi_5"),
        charge(1000, ago(0.2), "pending", payment_intent="pi_5", outcome=None),
        charge(2000, ago(0.2), "pending", outcome=None),
    ]
    return {"charges": tries}, {
        "failed_payments": 1,
        "failed_payments_unrecovered": 1,
        "pending_payments": 2,
        "payment_success_rate": None,
        "attempt_success_rate": "0",
    }


@case
def a_payment_is_dated_by_its_first_attempt() -> tuple[Streams, Expected]:
    """The rate by the first attempt, revenue by the charge that succeeded."""
    tries = [
        charge(1000, ago(3), "failed", payment_intent="pi_6"),
        charge(1000, ago(0.1), payment_intent="pi_6"),
    ]
    return {"charges": tries}, {
        "gross_revenue": "10",
        "succeeded_payments": 0,
        "payment_success_rate": None,
        "attempt_success_rate": "1",
    }


@case
def a_credit_note_and_its_refund_are_one() -> tuple[Streams, Expected]:
    """The refund goes off revenue; the credit note on the invoice not once more."""
    paid = charge(5000, ago(0.3), payment_intent="pi_7")
    sent = invoice(
        created=ago(0.3),
        total=5000,
        total_excluding_tax=5000,
        post_payment_credit_notes_amount=2000,
    )
    return {
        "invoices": [sent],
        "charges": [paid],
        "refunds": [refund(paid, 2000, ago(0.1))],
    }, {
        "gross_revenue": "50",
        "refunds": "20",
        "net_revenue": "30",
        "invoiced_revenue": "50",
        "realised_revenue_per_customer": "30",
    }
