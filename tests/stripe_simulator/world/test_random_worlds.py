"""Properties of worlds in which anything may happen at any time."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stripe_simulator.store import ObjectStore
from stripe_simulator.world import World, changes, lifecycle, payments
from stripe_simulator.world.account import Account
from stripe_simulator.world.cases import prices
from stripe_simulator.world.cases.stage import Play, Stage
from stripe_simulator.world.presets import PROFILES, Profile, Rates
from stripe_simulator.world.state import Subscription
from stripe_simulator.world.world import build_world
from tests.stripe_simulator.description import faults
from tests.stripe_simulator.world.invariants import broken

DAY = 86_400
KINDS_OF_OBJECTS = [
    "account",
    "balance_transaction",
    "charge",
    "coupon",
    "customer",
    "discount",
    "dispute",
    "invoice",
    "invoice_payment",
    "payment_intent",
    "price",
    "product",
    "refund",
    "subscription",
    "subscription_schedule",
]
START = int(datetime(2026, 1, 15, 7, 30, tzinfo=UTC).timestamp())

# One step of a life: what happens, a number that it may use, and how long it is quiet after.
Step = tuple[str, int, int]
KINDS = [
    "subscribe",
    "trial",
    "multi",
    "backdate",
    "change",
    "quantity",
    "silent",
    "add",
    "remove",
    "schedule",
    "pause",
    "resume",
    "leave",
    "stay",
    "cancel",
    "retrial",
    "coupon",
    "item-coupon",
    "customer-coupon",
    "uncoupon",
    "fail",
    "pay",
    "refund",
    "dispute",
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 1_000),
        st.integers(0, 40 * DAY),
    ),
    min_size=3,
    max_size=16,
)


def live(stage: Stage) -> Subscription | None:
    """The newest subscription that has not ended."""
    alive = [each for each in stage.customer.subscriptions if not each.ended]
    return alive[-1] if alive else None


def some_price(stage: Stage, number: int) -> tuple[prices.catalog.Price, int]:
    """One of several kinds of price, and a quantity."""
    kinds = (
        stage.price(100 + number),
        stage.price(1_000 + number, "year"),
        stage.price(7, "day", 1 + number % 3),
        stage.price(700 + number, "week"),
        stage.price(None, tiers=prices.tiers(), tiers_mode="graduated", product="Graduated"),
        stage.price(None, tiers=prices.flat_tiers(), tiers_mode="volume", product="Volume"),
        stage.price(900, divide_by=4, product="Package"),
        stage.price("0.37", product="Fraction"),
    )
    return kinds[number % len(kinds)], number % 60


def some_coupon(stage: Stage, number: int) -> prices.catalog.Coupon:
    """One of several kinds of coupon."""
    kinds = (
        stage.coupon(percent="33.33"),
        stage.coupon(amount=250),
        stage.coupon("once", percent="50"),
        stage.coupon("repeating", amount=199, months=2),
        stage.coupon("repeating", percent="15", months=1),
    )
    return kinds[number % len(kinds)]


def begin(stage: Stage, number: int, kind: str) -> None:
    """A new subscription of some kind."""
    parts = [some_price(stage, number)]
    if kind == "multi":
        parts += [some_price(stage, number + step) for step in (1, 3)]
    tax = (Decimal(20), number % 2 == 0) if number % 5 == 0 else None
    back = stage.now - (number % 30) * DAY if kind == "backdate" else None
    stage.subscribe(
        *parts,
        trial_days=number % 20 + 1 if kind == "trial" else 0,
        backdate_to=back,
        coupons=[some_coupon(stage, number)] if number % 3 == 0 else [],
        after_dunning=("cancel", "unpaid", "past_due")[number % 3],
        tax=tax,
    )


def money(stage: Stage, number: int, kind: str) -> None:
    """A payment without an invoice, perhaps given back or contested."""
    charge = stage.pay(100 + number)
    if kind == "refund":
        payments.refund(stage.account, charge, 1 + number % charge.amount)
    if kind == "dispute":
        payments.dispute(stage.account, charge, "fraudulent", inquiry=number % 2 == 0)


def act(stage: Stage, kind: str, number: int) -> None:
    """Do one step; what does not apply just now does nothing."""
    account, subscription = stage.account, live(stage)
    if kind in ("subscribe", "trial", "multi", "backdate"):
        begin(stage, number, kind)
    elif kind in ("pay", "refund", "dispute"):
        money(stage, number, kind)
    elif kind == "fail":
        stage.script(*["card_declined"] * (number % 6))
    elif kind == "customer-coupon":
        stage.attach(some_coupon(stage, number))
    elif subscription is not None and subscription.status != "incomplete":
        item = subscription.items[number % len(subscription.items)]
        steps: dict[str, Callable[[], object]] = {
            "change": lambda: changes.change(
                account, subscription, item, price=some_price(stage, number)[0]
            ),
            "quantity": lambda: changes.change(account, subscription, item, quantity=number % 40),
            "silent": lambda: changes.change(
                account, subscription, item, quantity=number % 40, proration="none"
            ),
            "add": lambda: stage.add(subscription, *some_price(stage, number)),
            "remove": lambda: (
                len(subscription.items) > 1 and changes.remove_item(account, subscription, item)
            ),
            "pause": lambda: stage.pause(
                subscription, ("void", "keep_as_draft", "mark_uncollectible")[number % 3]
            ),
            "resume": lambda: stage.pause(subscription, None),
            "leave": lambda: stage.leave(subscription),
            "stay": lambda: lifecycle.keep_after_all(account, subscription),
            "cancel": lambda: stage.cancel(subscription),
            "retrial": lambda: changes.put_on_trial(account, subscription, 1 + number % 20),
            "coupon": lambda: stage.attach(some_coupon(stage, number), subscription),
            "item-coupon": lambda: stage.attach(some_coupon(stage, number), subscription, item),
            "uncoupon": lambda: (
                subscription.discounts
                and prices.catalog.detach(
                    account, subscription.discounts[0], stage.customer, subscription
                )
            ),
            "schedule": lambda: changes.change_at_renewal(
                account, subscription, item, *some_price(stage, number)
            ),
        }
        steps[kind]()


def play(stage: Stage, steps: list[Step]) -> Play:
    """A life, step by step; every one begins with a subscription."""
    act(stage, ("subscribe", "trial", "multi", "backdate")[len(steps) % 4], 37 * len(steps))
    yield 1 + steps[0][2] // 2
    for kind, number, wait in steps:
        act(stage, kind, number)
        yield wait


def world_of(
    lives: list[list[Step]], profile: Profile, stops: list[int]
) -> tuple[World, ObjectStore]:
    """A world with these customers only, its clock moved in these steps (days and a bit)."""
    store = ObjectStore()
    account = Account(
        store,
        "random",
        START,
        default_currency=profile.currency,
        timezone=profile.timezone,
        name="Random",
        rates=Rates(failure=0.1, failure_again=0.4),
        api_version=profile.api_version,
    )

    def enter(account: Account, steps: list[Step]) -> None:
        go_on(account, play(Stage(account, "life"), steps))

    def go_on(account: Account, life: Play) -> None:
        wait = next(life, None)
        if wait is not None:
            account.schedule(account.now + wait, go_on, life)

    for steps in lives:
        account.schedule(START, enter, steps)
    world = World([account], START + stops[0])
    for stop in stops[1:]:
        world.advance(max(world.now, START + stop))
    return world, store


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    lives=st.lists(STEPS, min_size=1, max_size=3),
    profile=st.sampled_from(PROFILES),
    length=st.integers(1, 200 * DAY),
)
def test_invariants_hold_whatever_happens(
    lives: list[list[Step]], profile: Profile, length: int
) -> None:
    world, store = world_of(lives, profile, [length])
    assert broken(world, store) == []
    account = world.accounts[0]
    found = []
    for kind in store.types(account.id):
        for thing in store.scan(account.id, kind):
            found += faults(thing)
    assert found == []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    lives=st.lists(STEPS, min_size=1, max_size=2),
    profile=st.sampled_from(PROFILES),
    stops=st.lists(st.integers(1, 200 * DAY), min_size=2, max_size=6).map(sorted),
)
def test_steps_lead_where_a_leap_leads(
    lives: list[list[Step]], profile: Profile, stops: list[int]
) -> None:
    contents = []
    for way in (stops, stops[-1:]):
        world, store = world_of(lives, profile, way)
        account = world.accounts[0]
        contents.append(
            [list(store.scan(account.id, kind)) for kind in (*KINDS_OF_OBJECTS, "event")]
        )
    assert contents[0] == contents[1]


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), failure=st.floats(0, 0.5), trial=st.floats(0, 1))
def test_businesses_of_all_rates_keep_the_invariants(
    seed: int, failure: float, trial: float
) -> None:
    store = ObjectStore()
    world = build_world(
        "tiny",
        seed,
        START,
        START + 150 * DAY,
        store,
        customers_per_day=0.2,
        failure=failure,
        trial=trial,
    )
    assert broken(world, store) == []
