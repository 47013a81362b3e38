"""Cases of items: changes of price and quantity, several items (docs/metrics.md §1, §2, §7)."""

from stripe_simulator.world.cases.stage import Play, Stage, case


@case("§2")
def upgrade(stage: Stage) -> Play:
    """A larger plan with the difference invoiced at once."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(40)
    stage.change(subscription, price=stage.price(2_400))


@case("§2")
def downgrade(stage: Stage) -> Play:
    """A smaller plan: the credit goes to the customer's balance."""
    subscription = stage.subscribe(stage.price(2_400))
    yield stage.days(40)
    stage.change(subscription, price=stage.price(600))


@case("§2")
def month_to_year(stage: Stage) -> Play:
    """From monthly to yearly: a new period begins at once."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(40)
    stage.change(subscription, price=stage.price(12_000, "year"))


@case("§2")
def year_to_month(stage: Stage) -> Play:
    """From yearly to monthly in the middle of the year."""
    subscription = stage.subscribe(stage.price(12_000, "year"))
    yield stage.days(40)
    stage.change(subscription, price=stage.price())


@case("§5")
def quantity_up_and_down(stage: Stage) -> Play:
    """More seats, then fewer, each prorated at once."""
    subscription = stage.subscribe((stage.price(), 3))
    yield stage.days(12)
    stage.change(subscription, quantity=8)
    yield stage.days(9)
    stage.change(subscription, quantity=2)


@case("§5")
def pending_proration(stage: Stage) -> Play:
    """A change whose proration waits for the next invoice, which dates it."""
    subscription = stage.subscribe((stage.price(), 2))
    yield stage.days(18)
    stage.change(subscription, quantity=5, proration="create_prorations")


@case("§7", exact=False)
def change_without_proration(stage: Stage) -> Play:
    """A change that leaves no line: dated by its event, or once that is gone by the next cycle."""
    subscription = stage.subscribe((stage.price(), 2))
    yield stage.days(17)
    stage.change(subscription, quantity=4, proration="none")


@case("§7")
def burst_in_one_second(stage: Stage) -> Play:
    """Three changes within a second: their events tell no order but by what they chain."""
    subscription = stage.subscribe((stage.price(), 1))
    yield stage.days(14)
    for quantity in (5, 2, 7):
        stage.change(subscription, quantity=quantity)


@case("§2")
def up_and_down_on_one_day(stage: Stage) -> Play:
    """An upgrade taken back on the same day is no movement."""
    subscription = stage.subscribe((stage.price(), 2))
    yield stage.until_local(20, 9)
    stage.change(subscription, quantity=6)
    yield 3 * 3_600
    stage.change(subscription, quantity=2)


@case("§1")
def change_on_trial(stage: Stage) -> Play:
    """Seats are added during the trial: nothing to bill, nothing to count yet."""
    subscription = stage.subscribe((stage.price(), 1), trial_days=14)
    yield stage.days(5)
    stage.change(subscription, quantity=3)


@case("§1")
def two_items(stage: Stage) -> Play:
    """A plan with extra seats."""
    stage.subscribe(stage.price(), (stage.price(300, product="Case seat"), 4))
    yield from ()


@case("§1")
def mixed_intervals(stage: Stage) -> Play:
    """A yearly plan with a monthly extra: each item by its own interval."""
    stage.subscribe(stage.price(12_000, "year"), (stage.price(300, product="Case seat"), 2))
    yield from ()


@case("§2")
def item_added_and_removed(stage: Stage) -> Play:
    """An extra is added in the middle of a period and taken off again weeks later."""
    subscription = stage.subscribe(stage.price())
    yield stage.days(12)
    stage.add(subscription, stage.price(300, product="Case seat"), 3)
    yield stage.days(26)
    stage.remove(subscription, 1)


@case("§7", exact=False)
def more_than_ten_items(stage: Stage) -> Play:
    """Twelve items: nested lists are cut at ten, and a change hits the last."""
    parts = [
        (stage.price(100 * number, product=f"Case module {number}"), number)
        for number in range(1, 13)
    ]
    subscription = stage.subscribe(*parts)
    yield stage.days(22)
    stage.change(subscription, 11, quantity=20)
    yield stage.days(20)
    stage.change(subscription, 10, quantity=1, proration="none")


@case("§7")
def later_items_prorated(stage: Stage) -> Play:
    """Twelve items: no event shows what changes at the end of the list, but a proration does."""
    parts = [
        (stage.price(100 * number, product=f"Case module {number}"), number)
        for number in range(1, 13)
    ]
    subscription = stage.subscribe(*parts)
    yield stage.days(9)
    stage.change(subscription, 11, quantity=20)
    yield stage.days(3)
    stage.change(subscription, 2, quantity=9)
    yield stage.days(8)
    stage.change(subscription, 10, quantity=4)
    stage.change(subscription, 11, quantity=5)
    yield stage.days(6)
    stage.add(subscription, stage.price(300, product="Case seat"), 2)
    yield stage.days(7)
    stage.change(subscription, 12, quantity=3)
    yield stage.days(5)
    stage.remove(subscription, 11)
    yield stage.days(4)
    stage.remove(subscription, 0)


@case("§7")
def more_than_ten_lines(stage: Stage) -> Play:
    """Many pending changes: one invoice with more than ten lines."""
    subscription = stage.subscribe((stage.price(), 1))
    for quantity in (2, 3, 4, 5, 6, 7):
        yield stage.days(3)
        stage.change(subscription, quantity=quantity, proration="create_prorations")
