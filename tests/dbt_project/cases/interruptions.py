"""Unpaid and paused before anybody watched: `docs/metrics.md` §11."""

from __future__ import annotations

from typing import Any

from tests.dbt_project.casting import Expected, Streams, case, streams
from tests.dbt_project.objects import (
    Object,
    ago,
    charge,
    event,
    invoice,
    line,
    price,
    subscription,
)


def cycle(made: Object, of: Object, days_ago: int, **fields: Any) -> Object:
    """The invoice of a period that began so many days ago."""
    billed = line(made["id"], of, made["items"]["data"][0], 1000, ago(days_ago))
    return invoice(billed, created=ago(days_ago), subscription=made["id"], **fields)


@case
def unpaid_since_the_retries_ended() -> tuple[Streams, Expected]:
    """Three attempts failed; the last one, 30 days ago, was the end of it."""
    of = price("1000")
    made = subscription((of,), status="unpaid", start=ago(100))
    pays = {"type": "payment_intent", "payment_intent": "pi_u"}
    links = [{"id": "inpay_u", "status": "open", "payment": pays}]
    unpaid = {"finalized_at": ago(40), "paid_at": None, "voided_at": None}
    owed = cycle(
        made,
        of,
        40,
        status="open",
        attempt_count=3,
        amount_paid=0,
        payments={"object": "list", "data": links},
        status_transitions=unpaid | {"marked_uncollectible_at": None},
    )
    failed = [charge(1000, ago(days), "failed", payment_intent="pi_u") for days in (40, 35, 30)]
    return streams(made, invoices=[cycle(made, of, 70), owed], charges=failed), {
        "mrr": "0",
        "failed_payments_unrecovered": 0,
        "days": {50: "10", 31: "10", 30: "0", 29: "0"},
    }


@case
def unpaid_since_nothing_is_collected() -> tuple[Streams, Expected]:
    """Paid by bank transfer until it was not: the first draft tells."""
    of = price("1000")
    made = subscription((of,), status="unpaid", start=ago(100))
    drafts = [cycle(made, of, days, status="draft", amount_paid=0) for days in (40, 10)]
    for draft in drafts:
        draft["status_transitions"] |= {"finalized_at": None, "paid_at": None}
    return streams(made, invoices=[cycle(made, of, 70), *drafts]), {
        "mrr": "0",
        "days": {41: "10", 40: "0", 5: "0"},
    }


@case
def a_trial_paused_and_was_resumed() -> tuple[Streams, Expected]:
    """Nothing was billed from the end of the trial, 70 days ago, until 50 days ago."""
    of = price("1000")
    made = subscription((of,), start=ago(80), trial_start=ago(80), trial_end=ago(70))
    return streams(made, invoices=[cycle(made, of, days) for days in (50, 20)]), {
        "mrr": "10",
        "days": {71: "0", 69: "0", 51: "0", 50: "10"},
    }


@case
def a_trial_paused_until_its_end() -> tuple[Streams, Expected]:
    """Never billed, canceled 20 days ago: it never was active."""
    made = subscription(
        (price("1000"),),
        status="canceled",
        start=ago(80),
        trial_start=ago(80),
        trial_end=ago(70),
        canceled_at=ago(20),
        ended_at=ago(20),
    )
    return streams(made), {"mrr": "0", "days": {69: "0", 21: "0"}}


@case
def collection_paused_and_was_resumed() -> tuple[Streams, Expected]:
    """The invoice of 60 days ago was voided as soon as it was final; that of 30 was not."""
    of = price("1000")
    made = subscription((of,), start=ago(100))
    void = cycle(made, of, 60, status="void", attempt_count=0)
    void["status_transitions"] = {
        "finalized_at": ago(60) + 3_600,
        "paid_at": None,
        "voided_at": ago(60) + 3_601,
        "marked_uncollectible_at": None,
    }
    return streams(made, invoices=[cycle(made, of, 90), void, cycle(made, of, 30)]), {
        "mrr": "10",
        "days": {61: "10", 60: "0", 31: "0", 30: "10"},
    }


@case
def a_pause_began_with_the_last_run_of_invoices_that_brought_nothing() -> tuple[Streams, Expected]:
    """Written off 65 and 35 days ago, paid between them; resumed ten days ago and paid since."""
    of = price("1000")
    made = subscription((of,), start=ago(100))
    resumed = event(
        "customer.subscription.updated",
        made,
        ago(10),
        {"pause_collection": {"behavior": "void", "resumes_at": None}},
    )
    return streams(
        made,
        invoices=[
            cycle(made, of, 95),
            cycle(made, of, 65, status="void"),
            cycle(made, of, 50),
            cycle(made, of, 35, status="void"),
            cycle(made, of, 5),
        ],
        events=[resumed],
    ), {"mrr": "10", "days": {60: "10", 40: "10", 36: "10", 34: "0", 11: "0", 9: "10"}}
