"""Cases of time: midnights, month ends, renewals on the day (docs/metrics.md §0, §7)."""

from datetime import UTC, datetime

from stripe_simulator.world.cases.stage import Play, Stage, case


@case("§7")
def at_local_midnight(stage: Stage) -> Play:
    """What happens at 00:00:00 of the account's day belongs to the new day."""
    yield stage.until_local(2)
    subscription = stage.subscribe(stage.price())
    yield stage.until_local(30)
    stage.cancel(subscription)


@case("§7")
def second_before_local_midnight(stage: Stage) -> Play:
    """The last second of the account's day."""
    yield stage.until_local(2, 23, 59, 59)
    subscription = stage.subscribe(stage.price())
    stage.pay()
    yield stage.until_local(30, 23, 59, 59)
    stage.cancel(subscription)


@case("§0")
def at_utc_midnight(stage: Stage) -> Play:
    """Midnight UTC lies in the middle of the day of most accounts."""
    yield 86_400 - stage.now % 86_400
    stage.pay()
    subscription = stage.subscribe(stage.price())
    yield stage.days(20)
    stage.change(subscription, price=stage.price(2_400))


@case("§1")
def born_on_the_31st(stage: Stage) -> Play:
    """Billed on the last day of the shorter months."""
    day = 0
    while True:
        wait = stage.until_local(day, 12)
        if wait > 0 and datetime.fromtimestamp(stage.now + wait, UTC).day == 31:
            break
        day += 1
    yield wait
    stage.subscribe(stage.price())


@case("§1")
def renews_every_day(stage: Stage) -> Play:
    """A renewal on every day, so that one always is today: no churn before it."""
    subscription = stage.subscribe((stage.price(50, "day"), 2))
    yield stage.days(45)
    stage.cancel(subscription)


@case("§2")
def one_day_only(stage: Stage) -> Play:
    """Subscribed and canceled within one local day: no movement at all."""
    yield stage.until_local(1, 9)
    subscription = stage.subscribe(stage.price())
    yield 4 * 3_600
    stage.cancel(subscription)
