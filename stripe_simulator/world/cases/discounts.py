"""Cases of discounts: durations, order, levels, limits (docs/metrics.md §1, §7)."""

from stripe_simulator.world import catalog
from stripe_simulator.world.cases.stage import Play, Stage, case


@case("§1")
def forever_percent(stage: Stage) -> Play:
    """20 % off forever."""
    stage.subscribe(stage.price(), coupons=[stage.coupon(percent="20")])
    yield from ()


@case("§1")
def forever_amount(stage: Stage) -> Play:
    """An amount off forever."""
    stage.subscribe(stage.price(), coupons=[stage.coupon(amount=500)])
    yield from ()


@case("§6")
def two_forever_coupons(stage: Stage) -> Play:
    """20 % and 10 % are 28 %, not 20, not 30."""
    stage.subscribe(
        stage.price(10_000), coupons=[stage.coupon(percent="20"), stage.coupon(percent="10")]
    )
    yield from ()


@case("§1")
def percent_then_amount(stage: Stage) -> Play:
    """20 % and then an amount."""
    stage.subscribe(
        stage.price(10_000), coupons=[stage.coupon(percent="20"), stage.coupon(amount=500)]
    )
    yield from ()


@case("§1")
def amount_then_percent(stage: Stage) -> Play:
    """An amount and then 20 %: another result."""
    stage.subscribe(
        stage.price(10_000), coupons=[stage.coupon(amount=500), stage.coupon(percent="20")]
    )
    yield from ()


@case("§3")
def free_forever(stage: Stage) -> Play:
    """100 % off forever: an active subscription, but no subscriber."""
    stage.subscribe(stage.price(), coupons=[stage.coupon(percent="100")])
    yield from ()


@case("§1")
def amount_above_price(stage: Stage) -> Play:
    """More off than the price: zero, never less."""
    stage.subscribe(stage.price(400), coupons=[stage.coupon(amount=500)])
    yield from ()


@case("§7")
def once_at_the_start(stage: Stage) -> Play:
    """Once, used by the very first invoice: never live at a close."""
    stage.subscribe(stage.price(), coupons=[stage.coupon("once", percent="50")])
    yield from ()


@case("§7")
def once_in_between(stage: Stage) -> Play:
    """Once, attached between two invoices: in `mrr_net` until the second uses it."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(12)
    stage.attach(stage.coupon("once", percent="50"), subscription)


@case("§7")
def once_for_a_customer(stage: Stage) -> Play:
    """Once, on the customer."""
    stage.subscribe(stage.price())
    yield stage.days(12)
    stage.attach(stage.coupon("once", amount=300))


@case("§1")
def repeating(stage: Stage) -> Play:
    """Three months off: in `mrr_net` until the discount's end."""
    coupon = stage.coupon("repeating", percent="25", months=3)
    stage.subscribe(stage.price(), coupons=[coupon])
    yield from ()


@case("§1")
def repeating_amount(stage: Stage) -> Play:
    """An amount off for two months, attached later."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(8)
    stage.attach(stage.coupon("repeating", amount=200, months=2), subscription)


@case("§1", exact=False)
def coupon_taken_away(stage: Stage) -> Play:
    """A forever coupon is removed: expansion."""
    coupon = stage.coupon(percent="20")
    subscription = stage.subscribe(stage.price(), coupons=[coupon])
    yield stage.days(40)
    catalog.detach(stage.account, subscription.discounts[0], stage.customer, subscription)


@case("§2")
def coupon_given_later(stage: Stage) -> Play:
    """A forever coupon given to a paying customer: contraction."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(22)
    stage.attach(stage.coupon(percent="20"), subscription)


@case("§1")
def customer_coupon(stage: Stage) -> Play:
    """A customer's coupon applies where the subscription has none."""
    stage.attach(stage.coupon(percent="10"))
    stage.subscribe(stage.price())
    yield from ()


@case("§1")
def customer_coupon_suppressed(stage: Stage) -> Play:
    """A subscription's coupon suppresses the customer's."""
    stage.attach(stage.coupon(percent="10"))
    stage.subscribe(stage.price(), coupons=[stage.coupon(percent="20")])
    yield from ()


@case("§7")
def customer_coupon_suppressed_by_repeating(stage: Stage) -> Play:
    """A subscription's repeating coupon, itself not in `mrr`, suppresses the customer's."""
    stage.attach(stage.coupon(percent="10"))
    coupon = stage.coupon("repeating", percent="25", months=2)
    stage.subscribe(stage.price(), coupons=[coupon])
    yield from ()


@case("§7")
def item_coupon(stage: Stage) -> Play:
    """An item's coupon comes first and leaves the customer's in force."""
    stage.attach(stage.coupon(percent="10"))
    subscription = stage.subscribe(stage.price(), (stage.price(300, product="Case seat"), 5))
    yield stage.days(3)
    stage.attach(stage.coupon(percent="20"), subscription, subscription.items[1])


@case("§1")
def limited_to_a_product(stage: Stage) -> Play:
    """`applies_to` limits a coupon to one of the items."""
    stage.subscribe(
        stage.price(),
        (stage.price(300, product="Case seat"), 5),
        coupons=[stage.coupon(percent="40", products=("Case seat",))],
    )
    yield from ()


@case("§1")
def limited_to_another_product(stage: Stage) -> Play:
    """`applies_to` a product that the subscription does not have: no reduction."""
    stage.subscribe(stage.price(), coupons=[stage.coupon(percent="40", products=("Case seat",))])
    yield from ()


@case("§7")
def amount_over_three_items(stage: Stage) -> Play:
    """An amount over three equal items: the rest goes to the first in listed order."""
    stage.subscribe(
        *[stage.price(1_000, product=f"Case third {number}") for number in (1, 2, 3)],
        coupons=[stage.coupon(amount=100)],
    )
    yield from ()


@case("§7")
def amount_over_mixed_intervals(stage: Stage) -> Play:
    """An amount belongs to the invoices of the shortest interval."""
    stage.subscribe(
        stage.price(12_000, "year"),
        (stage.price(300, product="Case seat"), 4),
        coupons=[stage.coupon(amount=500)],
    )
    yield from ()


@case("§7")
def percent_leaves_fractions(stage: Stage) -> Play:
    """Percentages are not rounded to coins, and an amount is shared over the fractions."""
    stage.subscribe(
        stage.price(333, product="Case third 1"),
        stage.price(334, product="Case third 2"),
        coupons=[stage.coupon(percent="33.33"), stage.coupon(amount=100)],
    )
    yield from ()


@case("§1")
def discount_on_trial(stage: Stage) -> Play:
    """A coupon for a subscription on trial."""
    stage.subscribe(stage.price(), trial_days=10, coupons=[stage.coupon(percent="20")])
    yield from ()


@case("§1")
def discount_on_yearly(stage: Stage) -> Play:
    """An amount off each yearly invoice."""
    stage.subscribe(stage.price(12_000, "year"), coupons=[stage.coupon(amount=500)])
    yield from ()
