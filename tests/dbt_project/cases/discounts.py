"""What coupons take off: `docs/metrics.md` §1 and §7."""

from __future__ import annotations

from tests.dbt_project.casting import Expected, Streams, case, streams
from tests.dbt_project.objects import (
    ago,
    coupon,
    customer,
    discount,
    invoice,
    line,
    price,
    subscription,
)


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
def once_counts_until_its_invoice() -> tuple[Streams, Expected]:
    """From attachment to the invoice that uses it, in the net column alone."""
    once = coupon(50, duration="once")
    held = discount(once, ago(60), "cus_a") | {"subscription": "sub_once"}
    made = subscription((price("10000"),), id="sub_once", start=ago(70))
    part = made["items"]["data"][0]
    billed = line(
        made["id"],
        part["price"],
        part,
        10000,
        ago(40),
        discount_amounts=[{"amount": 5000, "discount": held["id"]}],
    )
    sent = invoice(billed, created=ago(40), subscription=made["id"], discounts=[held])
    return streams(made, coupons=(once,), invoices=[sent]), {
        "mrr": "100",
        "mrr_net": "100",
        "net_days": {65: "100", 50: "50", 30: "100"},
    }


@case
def an_items_coupon_leaves_the_customers_alone() -> tuple[Streams, Expected]:
    """Only a subscription's own discount suppresses that of the customer."""
    own, of_customer = coupon(10), coupon(50)
    held = discount(of_customer, ago(200), "cus_a")
    made = subscription((price("10000"), 1, discount(own, ago(60), "cus_a")))
    return streams(
        made,
        coupons=(own, of_customer),
        customers=(customer("cus_a", discount=held),),
    ), {"mrr": "45"}


@case
def equal_remainders_go_in_listed_order() -> tuple[Streams, Expected]:
    """One cent off two equal items is one cent off the first, whatever their prices' ids."""
    off, half = coupon(amount=101), coupon(50, products=["prod_b"])
    made = subscription(
        (price("1000"),),
        (price("1000", product="prod_b"),),
        discounts=(discount(off, ago(60), "cus_a"), discount(half, ago(60), "cus_a")),
    )
    # 51 and 50 cents off: 9.49, and half of 9.50.
    return streams(made, coupons=(off, half)), {"mrr": "14.24"}


@case
def percentages_are_not_rounded_to_cents() -> tuple[Streams, Expected]:
    """A third off 9.99: rounded once, at the item, to a millionth of a cent."""
    third = coupon(33.33)
    made = subscription((price("999"),), discounts=(discount(third, ago(60), "cus_a"),))
    return streams(made, coupons=(third,)), {"mrr": "6.660333"}
