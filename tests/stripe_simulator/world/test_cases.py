"""The table of edge cases: every one is staged, is valid, and keeps the ledger's invariants."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from stripe_simulator.ledger import truth
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import World, build_world
from stripe_simulator.world.cases import CASES
from tests.stripe_simulator.description import faults
from tests.stripe_simulator.world.invariants import broken

DAY = 86_400
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
NOW = START + 75 * DAY


def staged(*cases: str, accounts: int = 1, days: int = 75) -> tuple[World, ObjectStore]:
    """A world in which these cases (or all) are played."""
    store = ObjectStore()
    now = START + days * DAY
    world = build_world("every-case", 1, START, now, store, cases=cases, accounts=accounts)
    return world, store


@pytest.fixture(scope="module")
def everything() -> tuple[World, ObjectStore]:
    """All cases in every account."""
    return staged(accounts=8)


def test_every_case_is_staged_in_every_account(everything: tuple[World, ObjectStore]) -> None:
    world, _ = everything
    assert len(world.accounts) == 8
    for account in world.accounts:
        assert set(account.staged) == set(CASES)


def test_every_object_of_every_case_is_valid(everything: tuple[World, ObjectStore]) -> None:
    world, store = everything
    found = []
    for account in world.accounts[:6:5]:
        for kind in store.types(account.id):
            for thing in store.scan(account.id, kind):
                found += faults(thing)
    assert found == []


def test_every_case_keeps_the_invariants(everything: tuple[World, ObjectStore]) -> None:
    assert broken(*everything) == []


def test_an_unknown_case_is_refused() -> None:
    with pytest.raises(ValueError, match="no case 'nope'"):
        staged("nope")


def test_a_dispute_follows_its_money_however_the_clock_is_moved() -> None:
    stops = [START + round(days * DAY) for days in (12.5, 16)]
    leap, steps = ObjectStore(), ObjectStore()
    build_world("every-case", 1, START, stops[1], leap, cases=("dispute-won",), accounts=1)
    world = build_world("every-case", 1, START, stops[0], steps, cases=("dispute-won",), accounts=1)
    world.advance(stops[1])
    account = world.accounts[0].id
    assert [*leap.scan(account, "dispute")] == [*steps.scan(account, "dispute")] != []


def test_old_versions_are_seen_in_events(everything: tuple[World, ObjectStore]) -> None:
    world, store = everything
    old = next(account for account in world.accounts if account.api_version != "2026-05-27.dahlia")
    shown = {
        event["data"]["object"]["object"]: event["data"]["object"]
        for event in store.scan(old.id, "event")
    }
    assert "current_period_end" in shown["subscription"]
    assert "subscription" in shown["invoice"] and "parent" not in shown["invoice"]
    assert "invoice" in shown["charge"]


def at_close(name: str, day: int, currency: str = "usd") -> dict[str, object]:
    """The truth of one case so many days after it began, in an account of its own."""
    world, _ = staged(name, days=day + 1)
    account = world.accounts[0]
    zone = ZoneInfo(account.timezone or "UTC")
    found = truth(
        world,
        account.id,
        datetime.fromtimestamp(START, zone).date(),
        datetime.fromtimestamp(START, zone).date() + timedelta(days=day),
    )
    return found[max(found)][currency]  # type: ignore[return-value]


# Worked out by hand from docs/metrics.md: case, day, metric, value.
BY_HAND = [
    ("trial-converts", 13, "mrr", "0"),
    ("trial-converts", 13, "trialing_subscriptions", "1"),
    ("trial-converts", 15, "mrr", "12"),
    ("trial-ended-early", 9, "mrr", "0"),
    ("trial-ended-early", 11, "mrr", "12"),
    ("canceled-with-credit", 32, "mrr", "10"),
    ("canceled-with-credit", 34, "mrr", "0"),
    ("trial-pauses-for-good", 20, "mrr", "0"),
    ("incomplete-expired", 5, "active_subscriptions", "0"),
    ("pause-void", 25, "mrr", "0"),
    ("pause-void", 25, "active_subscriptions", "1"),
    ("pause-keep-as-draft", 25, "mrr", "12"),
    ("yearly-plan-canceled", 59, "mrr", "10"),
    ("second-subscription", 16, "mrr", "48"),
    ("second-subscription", 31, "mrr", "36"),
    ("daily", 3, "mrr", "30.416666670"),
    ("weekly", 3, "mrr", "30.416666670"),
    ("quarterly", 3, "mrr", "6.666666670"),
    ("graduated", 3, "mrr", "40"),
    # 10 x 5 + 40 x 4 + 14 x 3
    ("graduated", 25, "mrr", "252"),
    ("volume", 3, "mrr", "50"),
    ("volume", 25, "mrr", "44"),
    ("flat-graduated", 25, "mrr", "42"),
    ("flat-volume", 25, "mrr", "37"),
    ("tiered-at-zero", 3, "mrr", "20"),
    ("package-rounded-up", 3, "mrr", "30"),
    ("package-rounded-down", 3, "mrr", "20"),
    ("metered", 3, "mrr", "0"),
    ("metered-beside-licensed", 3, "mrr", "12"),
    ("fraction-of-a-cent", 3, "mrr", "7.5075"),
    ("inclusive-tax", 3, "mrr", "100"),
    ("inclusive-tax-half-off", 3, "mrr", "50"),
    ("inclusive-tax-half-off", 3, "mrr_gross", "100"),
    ("exclusive-tax", 3, "mrr", "100"),
    ("two-forever-coupons", 3, "mrr", "72"),
    ("percent-then-amount", 3, "mrr", "75"),
    ("amount-then-percent", 3, "mrr", "76"),
    ("free-forever", 3, "active_subscribers", "0"),
    ("free-forever", 3, "active_subscriptions", "1"),
    ("amount-above-price", 3, "mrr", "0"),
    ("once-at-the-start", 3, "mrr_net", "12"),
    ("once-in-between", 15, "mrr_net", "6"),
    ("once-in-between", 15, "mrr", "12"),
    ("once-in-between", 35, "mrr_net", "12"),
    ("repeating", 3, "mrr_net", "9"),
    ("customer-coupon", 3, "mrr", "10.8"),
    ("customer-coupon-suppressed", 3, "mrr", "9.6"),
    ("customer-coupon-suppressed-by-repeating", 3, "mrr", "12"),
    ("limited-to-a-product", 3, "mrr", "21"),
    ("limited-to-another-product", 3, "mrr", "12"),
    ("amount-over-mixed-intervals", 3, "mrr", "17"),
    ("discount-on-yearly", 3, "mrr", "9.583333330"),
    ("setup-fee", 33, "mrr", "12"),
    ("setup-fee", 31, "invoiced_revenue", "67"),
    ("invoice-without-subscription", 1, "mrr", "0"),
    ("captured-in-part", 0, "gross_revenue", "55"),
    ("malformed-call", 0, "failed_payments", "0"),
    ("blocked-by-radar", 0, "failed_payments", "1"),
]


@pytest.mark.parametrize(("name", "day", "metric", "value"), BY_HAND)
def test_numbers_worked_out_by_hand(name: str, day: int, metric: str, value: str) -> None:
    if metric == "gross_revenue":
        world, _ = staged(name, days=10)
        start = datetime.fromtimestamp(START, UTC).date()
        found = truth(world, world.accounts[0].id, start, start)[start]["usd"][metric]
    else:
        found = at_close(name, day)[metric]  # type: ignore[assignment]
    assert Decimal(str(found)) == Decimal(value)


@pytest.mark.parametrize(("sync", "failed", "rate"), [(5, 1, 0), (45, 0, None)])
def test_a_failure_before_any_charge_is_known_from_its_event(
    sync: int, failed: int, rate: int | None
) -> None:
    world, _ = staged("failed-before-a-charge", days=50)
    day = datetime.fromtimestamp(START, UTC).date()
    account = world.accounts[0].id
    first_sync = START + sync * DAY
    days = truth(world, account, day, day, history_start=START, first_sync=first_sync)
    assert days[day]["usd"]["failed_payments"] == failed
    assert days[day]["usd"]["payment_success_rate"] == rate
