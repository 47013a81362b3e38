"""When a subscription counts, and what its changes are called: `docs/metrics.md` §1 to §3."""

from __future__ import annotations

from tests.dbt_project.casting import Expected, Streams, case, streams
from tests.dbt_project.objects import (
    account,
    ago,
    charge,
    customer,
    event,
    price,
    subscription,
)


@case
def statuses_that_bring_no_mrr() -> tuple[Streams, Expected]:
    """Only active and past due count."""
    own = [
        subscription((price("1000"),), customer_id=f"cus_{status}", status=status)
        for status in ("active", "past_due", "unpaid", "incomplete", "incomplete_expired", "paused")
    ]
    trial = subscription(
        (price("1000"),),
        customer_id="cus_trial",
        status="trialing",
        start=ago(3),
        trial_start=ago(3),
        trial_end=ago(-11),
    )
    return streams(*own, trial), {
        "mrr": "20",
        "active_subscriptions": 2,
        "trialing_subscriptions": 1,
        "active_subscribers": 2,
    }


@case
def a_cancelled_year_is_over() -> tuple[Streams, Expected]:
    """Ended means gone, whatever was paid for."""
    over = subscription(
        (price("120000", "year"),), status="canceled", canceled_at=ago(2), ended_at=ago(2)
    )
    return streams(over), {"mrr": "0", "active_subscriptions": 0, "active_subscribers": 0}


@case
def a_year_that_will_end_still_counts() -> tuple[Streams, Expected]:
    """Cancelling at the end of the period changes nothing before it."""
    ending = subscription((price("120000", "year"),), cancel_at_period_end=True, canceled_at=ago(2))
    return streams(ending), {"mrr": "100", "churned_subscriptions": 0}


@case
def paused_collection() -> tuple[Streams, Expected]:
    """Void and uncollectible bring nothing, drafts do; the subscription stays active."""
    own = [
        subscription(
            (price("1000"),),
            customer_id=f"cus_{behavior}",
            pause_collection={"behavior": behavior, "resumes_at": None},
        )
        for behavior in ("void", "mark_uncollectible", "keep_as_draft")
    ]
    return streams(*own), {"mrr": "10", "active_subscriptions": 3, "active_subscribers": 1}


@case
def a_free_month_put_into_a_paying_year() -> tuple[Streams, Expected]:
    """Back into trial: churn that day, no trial start, active again without being new."""
    made = subscription((price("1000"),), trial_start=ago(10), trial_end=ago(3))
    return streams(made), {"mrr": "10", "new_subscriptions": 0, "trial_starts": 0}


@case
def an_account_without_objects() -> tuple[Streams, Expected]:
    """Rows of zeros in the default currency, ratios NULL."""
    return {}, {
        "mrr": "0",
        "customer_count": 0,
        "arpu": None,
        "ltv": None,
        "payment_success_rate": None,
        "customer_growth_rate": None,
    }


@case
def a_second_currency_is_new_there() -> tuple[Streams, Expected]:
    """The customer pays dollars already; euros start today."""
    dollars = subscription((price("1000"),))
    euros = subscription((price("900", currency="eur"),), currency="eur", start=ago(0.1))
    return streams(dollars, euros), {
        "currency": "eur",
        "mrr": "9",
        "mrr_new": "9",
        "new_subscribers": 1,
    }


@case
def cancel_and_recreate_nets_out() -> tuple[Streams, Expected]:
    """One day, one customer: no churn, no reactivation."""
    of = price("1000")
    old = subscription((of,), status="canceled", ended_at=ago(0.2), canceled_at=ago(0.2))
    new = subscription((of,), start=ago(0.1))
    return streams(old, new), {
        "mrr": "10",
        "churned_subscribers": 0,
        "reactivated_subscribers": 0,
        "churned_subscriptions": 1,
        "new_subscriptions": 1,
    }


@case
def coming_back_is_reactivation() -> tuple[Streams, Expected]:
    """Neither new nor expansion, even where the first time was long before the window."""
    of = price("1000")
    old = subscription(
        (of,), start=ago(500), status="canceled", ended_at=ago(400), canceled_at=ago(400)
    )
    new = subscription((of,), start=ago(0.1))
    return streams(old, new), {
        "mrr_reactivation": "10",
        "mrr_new": "0",
        "mrr_expansion": "0",
        "reactivated_subscribers": 1,
    }


@case
def a_second_subscription_is_expansion() -> tuple[Streams, Expected]:
    """Of a paying customer."""
    of = price("1000")
    return streams(subscription((of,)), subscription((of,), start=ago(0.1))), {
        "mrr_expansion": "10",
        "mrr_new": "0",
        "active_subscribers": 1,
    }


def _midnight(days: int) -> int:
    """Return the start of the UTC day so many days ago."""
    return ago(days) // 86_400 * 86_400


@case
def midnight_belongs_to_the_new_day() -> tuple[Streams, Expected]:
    """Begun at 00:00:00: not in the closing of the day before. Ended then: in it still."""
    begun = subscription((price("1000"),), start=_midnight(10))
    ended = subscription(
        (price("500"),),
        customer_id="cus_b",
        status="canceled",
        canceled_at=_midnight(5),
        ended_at=_midnight(5),
    )
    return streams(begun, ended), {
        "mrr": "10",
        "days": {11: "5", 10: "15", 6: "15", 5: "10"},
    }


@case
def days_are_those_of_the_account() -> tuple[Streams, Expected]:
    """21:00 in UTC is the next morning in Tokyo; now it is 21:00 there."""
    evening = _midnight(3) - 3 * 3_600
    made = subscription((price("1000"),), start=evening)
    return streams(
        made,
        accounts=[account("acct_days_are_those_of_the_account", timezone="Asia/Tokyo")],
        charges=[charge(1000, evening)],
    ), {"mrr": "10", "days": {4: "0", 3: "10"}}


@case
def a_loss_is_in_thirty_days() -> tuple[Streams, Expected]:
    """Lost 45 days ago: in the rate of that day and of the 29 after it."""
    lost = subscription(
        (price("1000"),), start=ago(70), status="canceled", canceled_at=ago(45), ended_at=ago(45)
    )
    stays = subscription((price("1000"),), customer_id="cus_b", start=ago(80))
    return streams(lost, stays), {
        "customer_churn_rate_30d": "0",
        "ltv": None,
        "churn_days": {46: "0", 45: "0.5", 16: "0.5", 15: "0"},
    }


@case
def the_deleted_are_counted_until_they_are_deleted() -> tuple[Streams, Expected]:
    """By its event; who was deleted before that was never seen."""
    here = customer("cus_here", created=ago(50))
    gone = customer("cus_gone", created=ago(40))
    deleted = event("customer.deleted", gone, ago(10))
    return {"customers": [here], "events": [deleted]}, {
        "customer_count": 1,
        "customer_growth_rate": "-0.5",
    }


@case
def past_due_and_its_ends() -> tuple[Streams, Expected]:
    """Past due counts as long as it is; unpaid does not, and is no end of the subscription."""
    owed = subscription((price("1000"),), status="past_due")
    given_up = subscription((price("500"),), status="unpaid", customer_id="cus_b")
    return streams(owed, given_up), {
        "mrr": "10",
        "active_subscriptions": 1,
        "churned_subscriptions": 0,
    }


@case
def a_downgrade_is_contraction_and_the_rest_stays() -> tuple[Streams, Expected]:
    """One of two subscriptions ends: contraction, not churn."""
    of = price("1000")
    stays = subscription((of,))
    ends = subscription((of,), status="canceled", canceled_at=ago(0.1), ended_at=ago(0.1))
    return streams(stays, ends), {
        "mrr_contraction": "-10",
        "mrr_churn": "0",
        "churned_subscribers": 0,
        "churned_subscriptions": 1,
    }


@case
def a_trial_becomes_a_subscription_at_its_end() -> tuple[Streams, Expected]:
    """Started, trialing, then new when the trial ends, not when it was created."""
    made = subscription((price("1000"),), start=ago(20), trial_start=ago(20), trial_end=ago(6))
    return streams(made), {"mrr": "10", "days": {19: "0", 7: "0", 5: "10"}}
