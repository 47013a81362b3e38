"""Cases of prices: intervals, tiers, packages, metered and inline ones (docs/metrics.md §1)."""

from decimal import Decimal

from stripe_simulator.world import catalog
from stripe_simulator.world.cases.stage import Play, Stage, case
from stripe_simulator.world.state import Tier


def tiers() -> list[Tier]:
    """Ten units at 500, forty at 400, the rest at 300."""
    return [
        Tier(10, Decimal(500)),
        Tier(50, Decimal(400)),
        Tier(None, Decimal(300)),
    ]


def flat_tiers() -> list[Tier]:
    """The first five in a flat 2,000; then 300 each and 1,000 more."""
    return [Tier(5, None, Decimal(2_000)), Tier(None, Decimal(300), Decimal(1_000))]


@case("§1")
def daily(stage: Stage) -> Play:
    """A dollar a day is 365/12 dollars a month."""
    subscription = stage.subscribe(stage.price(100, "day"))
    yield stage.days(21)
    stage.leave(subscription)


@case("§1")
def weekly(stage: Stage) -> Play:
    """Seven dollars a week are a dollar a day."""
    subscription = stage.subscribe(stage.price(700, "week"))
    yield stage.days(60)
    stage.leave(subscription)


@case("§1")
def every_two_weeks(stage: Stage) -> Play:
    """An interval of two weeks."""
    stage.subscribe(stage.price(1_500, "week", 2))
    yield from ()


@case("§1")
def quarterly(stage: Stage) -> Play:
    """An interval of three months: a third that has no end."""
    stage.subscribe((stage.price(1_000, "month", 3), 2))
    yield from ()


@case("§1")
def yearly(stage: Stage) -> Play:
    """A yearly price whose twelfth has no end."""
    stage.subscribe(stage.price(10_000, "year"))
    yield from ()


@case("§1")
def every_two_years(stage: Stage) -> Play:
    """An interval of two years."""
    stage.subscribe(stage.price(20_000, "year", 2))
    yield from ()


@case("§1")
def graduated(stage: Stage) -> Play:
    """Graduated tiers sum tier by tier; their invoice has a line for each."""
    price = stage.price(None, tiers=tiers(), tiers_mode="graduated", product="Case graduated")
    subscription = stage.subscribe((price, 8))
    yield stage.days(20)
    stage.change(subscription, quantity=64)


@case("§1")
def volume(stage: Stage) -> Play:
    """Volume tiers price all units at one tier."""
    price = stage.price(None, tiers=tiers(), tiers_mode="volume", product="Case volume")
    subscription = stage.subscribe((price, 10))
    yield stage.days(20)
    stage.change(subscription, quantity=11)


@case("§1")
def flat_graduated(stage: Stage) -> Play:
    """A flat amount for the first tier and another for the second."""
    price = stage.price(
        None, tiers=flat_tiers(), tiers_mode="graduated", product="Case flat graduated"
    )
    subscription = stage.subscribe((price, 3))
    yield stage.days(20)
    stage.change(subscription, quantity=9)


@case("§1")
def flat_volume(stage: Stage) -> Play:
    """Volume tiers with flat amounts."""
    price = stage.price(None, tiers=flat_tiers(), tiers_mode="volume", product="Case flat volume")
    subscription = stage.subscribe((price, 3))
    yield stage.days(20)
    stage.change(subscription, quantity=9)


@case("§7")
def tiered_at_zero(stage: Stage) -> Play:
    """Tiered at quantity 0: the first tier's flat amount."""
    price = stage.price(
        None, tiers=flat_tiers(), tiers_mode="graduated", product="Case flat graduated"
    )
    stage.subscribe((price, 0))
    yield from ()


@case("§1")
def package_rounded_up(stage: Stage) -> Play:
    """Packages of five, begun ones paid whole."""
    price = stage.price(1_000, divide_by=5, product="Case package up")
    subscription = stage.subscribe((price, 11))
    yield stage.days(20)
    stage.change(subscription, quantity=16)


@case("§1")
def package_rounded_down(stage: Stage) -> Play:
    """Packages of five, begun ones free."""
    price = stage.price(1_000, divide_by=5, round_up=False, product="Case package down")
    subscription = stage.subscribe((price, 14))
    yield stage.days(20)
    stage.change(subscription, quantity=4)


@case("§1")
def metered(stage: Stage) -> Play:
    """Metered usage: no quantity, no MRR, but an invoice."""
    stage.subscribe((stage.price(3, metered=True, product="Case usage"), None))
    yield from ()


@case("§1")
def metered_beside_licensed(stage: Stage) -> Play:
    """A base fee with usage: the fee alone is MRR."""
    usage = stage.price(3, metered=True, product="Case usage")
    stage.subscribe(stage.price(), (usage, None))
    yield from ()


@case("§0")
def fraction_of_a_cent(stage: Stage) -> Play:
    """A unit price below the smallest coin."""
    stage.subscribe((stage.price("0.75", product="Case message"), 1_001))
    yield from ()


@case("§1")
def free_plan(stage: Stage) -> Play:
    """A free plan is an active subscription without MRR, until it is upgraded."""
    subscription = stage.subscribe(stage.price(0))
    yield stage.days(33)
    stage.change(subscription, price=stage.price())


@case("§7")
def inline_price(stage: Stage) -> Play:
    """A price made for this subscription alone: in no list."""
    price = catalog.add_price(
        stage.account,
        stage.product("Case inline"),
        1_777,
        stage.account.default_currency,
        inline=True,
    )
    stage.subscribe(price)
    yield from ()


@case("§1")
def archived_price(stage: Stage) -> Play:
    """A subscription stays on a price that is sold no more."""
    price = stage.price(1_100, product="Case archived")
    stage.subscribe(price)
    yield stage.days(5)
    if price.active:
        before = stage.account.snapshot(price)
        price.active = False
        stage.account.show(price, "price.updated", before=before)


@case("§7")
def deleted_product(stage: Stage) -> Play:
    """A product that never had a price is deleted: gone from the lists."""
    product = catalog.add_product(stage.account, "Never sold")
    yield stage.days(3)
    catalog.delete_product(stage.account, product)


@case("§1")
def inclusive_tax(stage: Stage) -> Play:
    """A price that includes 20 % tax: 120 counts as 100."""
    price = stage.price(12_000, tax_behavior="inclusive", product="Case inclusive")
    stage.subscribe(price, tax=(Decimal(20), True))
    yield from ()


@case("§7")
def inclusive_tax_half_off(stage: Stage) -> Play:
    """120 with 20 % tax inside and half of it off gives 50."""
    price = stage.price(12_000, tax_behavior="inclusive", product="Case inclusive")
    stage.subscribe(price, tax=(Decimal(20), True), coupons=[stage.coupon(percent="50")])
    yield from ()


@case("§1")
def exclusive_tax(stage: Stage) -> Play:
    """Tax on top of the price is in the charge and in no MRR."""
    price = stage.price(10_000, tax_behavior="exclusive", product="Case exclusive")
    stage.subscribe(price, tax=(Decimal(19), False))
    yield from ()


@case("§7")
def second_currency(stage: Stage) -> Play:
    """A customer's first MRR in another currency is new there."""
    stage.subscribe(stage.price())
    yield stage.days(15)
    other = "eur" if stage.account.default_currency != "eur" else "usd"
    subscription = stage.subscribe(stage.price(990, currency=other))
    yield stage.days(50)
    stage.cancel(subscription)
