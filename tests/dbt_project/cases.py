"""One account per case: a few objects and what must come of them today.

Belongs here: the examples that Stripe prints, the rules of `docs/metrics.md` §1, §4 and §7, and
the wrong answers of §6. Not here: how they are built and compared (`test_cases.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.dbt_project.objects import (
    Object,
    ago,
    charge,
    coupon,
    customer,
    discount,
    dispute,
    event,
    invoice,
    line,
    price,
    refund,
    subscription,
)

Streams = dict[str, list[Object]]
Expected = Mapping[str, Any]
CASES: dict[str, Callable[[], tuple[Streams, Expected]]] = {}


def case(build: Callable[[], tuple[Streams, Expected]]) -> Callable[[], tuple[Streams, Expected]]:
    """Register a case under its name."""
    CASES[build.__name__] = build
    return build


def streams(*subscriptions: Object, coupons: tuple[Object, ...] = (), **more: Any) -> Streams:
    """Return subscriptions with the prices on their items and one customer for each."""
    prices = {
        part["price"]["id"]: part["price"] for s in subscriptions for part in s["items"]["data"]
    }
    for full in more.pop("prices", ()):
        prices[full["id"]] = full
    customers = {s["customer"]: customer(s["customer"]) for s in subscriptions}
    for known in more.pop("customers", ()):
        customers[known["id"]] = known
    return {
        "subscriptions": list(subscriptions),
        "prices": list(prices.values()),
        "customers": list(customers.values()),
        "coupons": list(coupons),
    } | more


@case
def printed_mrr() -> tuple[Streams, Expected]:
    """100 × $100 a month and 50 × $600 a year are 12,500."""
    monthly, yearly = price("10000"), price("60000", "year")
    own = [subscription((monthly,), customer_id=f"cus_m{n}") for n in range(100)]
    own += [subscription((yearly,), customer_id=f"cus_y{n}") for n in range(50)]
    return streams(*own), {
        "mrr": "12500",
        "arr": "150000",
        "active_subscribers": 150,
        "active_subscriptions": 150,
        "arpu": "83.333333",
    }


@case
def each_item_has_its_own_interval() -> tuple[Streams, Expected]:
    """A day, a week, two weeks, a month, a quarter and a year in one subscription."""
    parts = [
        (price("100", "day"),),
        (price("700", "week"),),
        (price("1400", "week", 2),),
        (price("3000", "month", 3),),
        (price("12000", "year"), 2),
    ]
    # Three times 3041.666667 cents, each rounded for itself, 1,000 and 2,000.
    return streams(subscription(*parts)), {"mrr": "121.250000010"}


@case
def a_dollar_a_day_is_seven_a_week() -> tuple[Streams, Expected]:
    """The same MRR on a 365-day basis, not 0."""
    one = subscription((price("100", "day"),))
    other = subscription((price("700", "week"),), customer_id="cus_b")
    return streams(one, other), {"mrr": "60.833333340"}


@case
def graduated_and_volume_tiers() -> tuple[Streams, Expected]:
    """Tier by tier with flat amounts, and all units at one tier."""
    steps: list[tuple[int | None, str, str]] = [(5, "500", "0"), (None, "300", "1000")]
    graduated = price(None, tiers=steps, tiers_mode="graduated")
    volume = price(None, tiers=steps, tiers_mode="volume")
    own = subscription((graduated, 8), (volume, 8), (volume, 5))
    # 5·500 + 3·300 + 1000, then 8·300 + 1000, then 5·500.
    return streams(own, prices=(graduated, volume)), {"mrr": "103"}


@case
def tiers_at_zero_keep_the_first_flat_amount() -> tuple[Streams, Expected]:
    """Quantity 0 costs the first tier's flat amount."""
    steps: list[tuple[int | None, str, str]] = [(5, "500", "1200"), (None, "300", "1000")]
    graduated = price(None, tiers=steps, tiers_mode="graduated")
    volume = price(None, tiers=steps, tiers_mode="volume")
    return streams(subscription((graduated, 0), (volume, 0)), prices=(graduated, volume)), {
        "mrr": "24"
    }


@case
def packages_round_before_the_price() -> tuple[Streams, Expected]:
    """17 units in packages of 5: 4 rounded up, 3 rounded down."""
    up, down = price("1000", package=(5, "up")), price("1000", package=(5, "down"))
    return streams(subscription((up, 17), (down, 17))), {"mrr": "70"}


@case
def fractions_of_a_cent() -> tuple[Streams, Expected]:
    """Unit prices with decimals, rounded once at the item."""
    return streams(subscription((price("0.0123456789"), 1000), (price("33.333", "year"), 7))), {
        "mrr": "0.317899290"
    }


@case
def metered_counts_nothing() -> tuple[Streams, Expected]:
    """A missing quantity of a metered item is never one."""
    return streams(subscription((price("5000", usage="metered"), None), (price("1000"), 1))), {
        "mrr": "10",
        "active_subscriptions": 1,
    }


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
def two_percentages_multiply() -> tuple[Streams, Expected]:
    """20 % and 10 % forever are 28 %."""
    a, b = coupon(20), coupon(10)
    own = subscription(
        (price("10000"),),
        discounts=(discount(a, ago(60), "cus_a"), discount(b, ago(60), "cus_a")),
    )
    return streams(own, coupons=(a, b)), {"mrr": "72", "mrr_gross": "100", "mrr_net": "72"}


@case
def the_order_of_discounts() -> tuple[Streams, Expected]:
    """20 % then $5 is not $5 then 20 %."""
    percent, amount = coupon(20), coupon(amount=500)
    first = subscription(
        (price("10000"),),
        discounts=(discount(percent, ago(60), "cus_a"), discount(amount, ago(60), "cus_a")),
    )
    second = subscription(
        (price("10000"),),
        customer_id="cus_b",
        discounts=(discount(amount, ago(60), "cus_b"), discount(percent, ago(60), "cus_b")),
    )
    return streams(first, second, coupons=(percent, amount)), {"mrr": "151"}


@case
def items_before_the_subscription() -> tuple[Streams, Expected]:
    """An item's own coupon comes first; both apply."""
    own, whole = coupon(amount=1000), coupon(50)
    made = subscription(
        (price("10000"), 1, discount(own, ago(60), "cus_a")),
        (price("4000"), 1),
        discounts=(discount(whole, ago(60), "cus_a"),),
    )
    return streams(made, coupons=(own, whole)), {"mrr": "65"}


@case
def only_forever_is_subtracted() -> tuple[Streams, Expected]:
    """Repeating and unused once coupons are in the net column alone."""
    months, once = coupon(25, duration="repeating"), coupon(10, duration="once")
    first = subscription(
        (price("10000"),), discounts=(discount(months, ago(60), "cus_a", end=ago(-30)),)
    )
    second = subscription(
        (price("10000"),), customer_id="cus_b", discounts=(discount(once, ago(2), "cus_b"),)
    )
    third = subscription(
        (price("10000"),),
        customer_id="cus_c",
        discounts=(discount(months, ago(60), "cus_c", end=ago(1)),),
    )
    return streams(first, second, third, coupons=(months, once)), {
        "mrr_gross": "300",
        "mrr": "300",
        "mrr_net": "265",
    }


@case
def the_subscriptions_coupon_suppresses_the_customers() -> tuple[Streams, Expected]:
    """Even where it is not subtracted itself."""
    of_customer, months = coupon(50), coupon(10, duration="repeating")
    held = discount(of_customer, ago(200), "cus_a")
    with_own = subscription(
        (price("10000"),), discounts=(discount(months, ago(60), "cus_a", end=ago(-30)),)
    )
    without = subscription((price("10000"),))
    return streams(
        with_own,
        without,
        coupons=(of_customer, months),
        customers=(customer("cus_a", discount=held),),
    ), {"mrr": "150", "mrr_net": "140"}


@case
def coupons_of_some_products() -> tuple[Streams, Expected]:
    """`applies_to` leaves the other items alone."""
    some = coupon(50, products=["prod_b"])
    made = subscription(
        (price("10000"),),
        (price("10000", product="prod_b"),),
        discounts=(discount(some, ago(60), "cus_a"),),
    )
    return streams(made, coupons=(some,)), {"mrr": "150"}


@case
def an_amount_is_shared_by_largest_remainder() -> tuple[Streams, Expected]:
    """$1 off $10, $10, $10.01: 33, 33 and 34 cents."""
    off = coupon(amount=100)
    made = subscription(
        (price("1000"),),
        (price("1000"),),
        (price("1001", "year"),),
        (price("1001"),),
        discounts=(discount(off, ago(60), "cus_a"),),
    )
    # The yearly item belongs to another invoice: 10 + 10 + 10.01 − 1 + 10.01/12.
    return streams(made, coupons=(off,)), {"mrr": "29.844166670"}


@case
def an_amount_beyond_the_price_stops_at_zero() -> tuple[Streams, Expected]:
    """No item goes below zero."""
    off = coupon(amount=5000)
    made = subscription((price("1000"),), discounts=(discount(off, ago(60), "cus_a"),))
    return streams(made, coupons=(off,)), {"mrr": "0", "active_subscribers": 0}


@case
def yearly_amounts_are_spread_over_the_year() -> tuple[Streams, Expected]:
    """An amount off a yearly invoice is a twelfth a month."""
    off = coupon(amount=12000)
    made = subscription((price("120000", "year"),), discounts=(discount(off, ago(60), "cus_a"),))
    return streams(made, coupons=(off,)), {"mrr": "90"}


@case
def everything_free_is_no_subscriber() -> tuple[Streams, Expected]:
    """100 % forever: active, but without MRR."""
    free = coupon(100)
    made = subscription((price("1000"),), discounts=(discount(free, ago(60), "cus_a"),))
    return streams(made, coupons=(free,)), {
        "mrr": "0",
        "mrr_gross": "10",
        "active_subscriptions": 1,
        "active_subscribers": 0,
    }


@case
def inclusive_tax_is_taken_out() -> tuple[Streams, Expected]:
    """120 with 20 % inside, half off: 50."""
    half = coupon(50)
    held = discount(half, ago(60), "cus_a")
    included = price("12000", tax_behavior="inclusive")
    made = subscription((included,), discounts=(held,))
    part = made["items"]["data"][0]
    billed = line(
        made["id"],
        included,
        part,
        12000,
        ago(30),
        discount_amounts=[{"amount": 6000, "discount": held["id"]}],
        taxes=[{"amount": 1000, "tax_behavior": "inclusive"}],
    )
    sent = invoice(billed, created=ago(30), subscription=made["id"], discounts=[held])
    return streams(made, coupons=(half,), invoices=[sent]), {
        "mrr": "50",
        "mrr_gross": "100",
        "mrr_net": "50",
    }


@case
def yen_and_dinars() -> tuple[Streams, Expected]:
    """No decimals and three; default currency of the account is looked at."""
    yen = subscription((price("1200", currency="jpy"),), currency="jpy")
    paid = charge(1200, ago(0.1), currency="jpy")
    return streams(yen, charges=[paid]), {
        "currency": "jpy",
        "mrr": "1200",
        "gross_revenue": "1200",
    }


@case
def dinars_have_three_decimals() -> tuple[Streams, Expected]:
    """1,234 fils are 1.234 dinars."""
    made = subscription((price("1234", currency="kwd"),), currency="kwd")
    return streams(made, charges=[charge(1234, ago(0.1), currency="kwd")]), {
        "currency": "kwd",
        "mrr": "1.234",
        "gross_revenue": "1.234",
    }


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
def a_free_month_put_into_a_paying_year() -> tuple[Streams, Expected]:
    """Back into trial: churn that day, no trial start, active again without being new."""
    made = subscription((price("1000"),), trial_start=ago(10), trial_end=ago(3))
    return streams(made), {"mrr": "10", "new_subscriptions": 0, "trial_starts": 0}


@case
def events_tell_what_was() -> tuple[Streams, Expected]:
    """An upgrade ten days ago by event; nothing moved today."""
    small, large = price("1000"), price("3000")
    made = subscription((large,))
    part = made["items"]["data"][0]
    former = part | {"price": small}
    changed = event(
        "customer.subscription.updated",
        made,
        ago(10),
        {"items": {"data": [former]}},
    )
    return streams(made, prices=(small,), events=[changed]), {
        "mrr": "30",
        "mrr_opening": "30",
        "estimated_mrr_share": "0",
        "nrr": "3",
    }


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
def backdated_subscriptions_restate_the_past() -> tuple[Streams, Expected]:
    """`start_date` decides, not `created`."""
    made = subscription((price("1000"),), start=ago(40), created=ago(2))
    return streams(made), {"mrr": "10", "mrr_new": "0", "nrr": "1"}


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


@case
def prorations_date_changes() -> tuple[Streams, Expected]:
    """50 days ago, long before any event: the debit line says when, the credit what was."""
    small, large = price("1000"), price("3000")
    made = subscription((large, 2), start=ago(200))
    part = made["items"]["data"][0]
    former = part | {"quantity": 1}
    credit = line(made["id"], small, former, -500, ago(50), proration=True, credits="in_before")
    debit = line(made["id"], large, part, 3000, ago(50), proration=True)
    sent = invoice(
        credit,
        debit,
        created=ago(50),
        subscription=made["id"],
        billing_reason="subscription_update",
    )
    return streams(made, prices=(small,), invoices=[sent]), {
        "mrr": "60",
        "days": {51: "10", 49: "60"},
    }


@case
def an_unprorated_change_waits_for_its_cycle() -> tuple[Streams, Expected]:
    """Known from the next cycle line on, and the days before it are estimates."""
    of = price("1000")
    made = subscription((of, 5), start=ago(80))
    part = made["items"]["data"][0]
    before, after = part | {"quantity": 2}, part
    invoices = [
        invoice(
            line(made["id"], of, before, 2000, ago(80)),
            created=ago(80),
            subscription=made["id"],
            billing_reason="subscription_create",
        ),
        invoice(
            line(made["id"], of, after, 5000, ago(50)), created=ago(50), subscription=made["id"]
        ),
    ]
    return streams(made, invoices=invoices), {"mrr": "50", "days": {60: "20", 40: "50"}}
