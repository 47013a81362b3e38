"""The world: deterministic, prefix-consistent, valid in Stripe's eyes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stripe_simulator.ledger import truth
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import World, build_world
from tests.stripe_simulator.description import faults

DAY = 86_400
START = int(datetime(2025, 5, 24, tzinfo=UTC).timestamp())
NOW = START + 548 * DAY + 15 * 3_600


def contents(world: World, store: ObjectStore) -> dict[str, list[dict[str, Any]]]:
    """All objects of all accounts by account and type."""
    return {
        f"{account.id}/{kind}": list(store.scan(account.id, kind))
        for account in world.accounts
        for kind in store.types(account.id)
    }


def tiny(now: int = NOW, seed: int = 1) -> tuple[World, ObjectStore]:
    """A small world at `now`."""
    store = ObjectStore()
    return build_world("tiny", seed, START, now, store), store


def test_same_seed_same_world() -> None:
    assert contents(*tiny()) == contents(*tiny())


def test_other_seed_other_world() -> None:
    assert contents(*tiny()) != contents(*tiny(seed=2))


def test_steps_lead_to_the_same_world_as_one_leap() -> None:
    world, store = tiny(NOW - 75 * DAY)
    moment = NOW - 75 * DAY
    for step in (1, 59, 3_600, 10 * DAY, 7, 33 * DAY + 11, 5 * DAY):
        moment += step
        world.advance(moment)
    world.advance(NOW)
    assert contents(world, store) == contents(*tiny())


def test_the_clock_does_not_go_back() -> None:
    world, _ = tiny()
    with pytest.raises(ValueError, match="cannot go back"):
        world.advance(NOW - 1)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="no preset 'nope'"):
        build_world("nope", 1, START, NOW, ObjectStore())
    with pytest.raises(ValueError, match="no rate 'nope'"):
        build_world("tiny", 1, START, NOW, ObjectStore(), nope=1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_object_is_valid_under_stripes_description(seed: int) -> None:
    world, store = tiny(seed=seed)
    found = []
    for objects in contents(world, store).values():
        for thing in objects:
            found += faults(thing)
            if thing["object"] == "event":
                found += faults(thing["data"]["object"])
    assert found == []


def test_many_accounts_differ_in_currency_and_zone() -> None:
    world = build_world("many-accounts 9", 1, START, START + 30 * DAY, ObjectStore())
    assert len(world.accounts) == 9 and len({account.id for account in world.accounts}) == 9
    assert {"usd", "eur", "jpy", "kwd", "isk"} <= {a.default_currency for a in world.accounts}
    assert len({account.timezone for account in world.accounts}) > 5
    with pytest.raises(KeyError, match="no account 'acct_0'"):
        world.account("acct_0")


def test_only_events_of_thirty_days_are_kept() -> None:
    world, store = tiny()
    created = [event["created"] for event in store.scan(world.accounts[0].id, "event")]
    assert created and min(created) >= NOW - 30 * DAY and max(created) <= NOW


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_closing_is_opening_plus_movements(seed: int) -> None:
    world, _ = tiny(seed=seed)
    last = datetime.fromtimestamp(NOW, UTC).date()
    days = truth(world, world.accounts[0].id, last - timedelta(days=500), last)
    previous = None
    for day in sorted(days):
        now = days[day]["usd"]
        moves = sum(
            now[f"mrr_{kind}"]  # type: ignore[misc]
            for kind in ("new", "reactivation", "expansion", "contraction", "churn")
        )
        assert now["mrr"] == now["mrr_opening"] + moves  # type: ignore[operator]
        if previous is not None:
            assert now["mrr_opening"] == previous["mrr"]
        previous = now
