"""A wrong world is caught: each of its rules that is broken on purpose breaks a check."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from stripe_simulator.store import ObjectStore
from stripe_simulator.world import World, build_world, catalog, changes, lifecycle, lines, payments
from stripe_simulator.world.account import Account
from stripe_simulator.world.render import payments as shown_payments
from tests.stripe_simulator.description import faults
from tests.stripe_simulator.world.invariants import broken

DAY = 86_400
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
LENGTH = 75 * DAY


def staged(stops: tuple[int, ...] = (LENGTH,)) -> tuple[World, ObjectStore]:
    """Every case in one account."""
    store = ObjectStore()
    world = build_world("every-case", 1, START, START + stops[0], store, accounts=1)
    for stop in stops[1:]:
        world.advance(START + stop)
    return world, store


def invariants() -> list[str]:
    """What the invariants say."""
    return broken(*staged())


def conformance() -> list[str]:
    """What Stripe's description says."""
    world, store = staged()
    account = world.accounts[0]
    return [
        fault
        for kind in store.types(account.id)
        for thing in store.scan(account.id, kind)
        for fault in faults(thing)
    ]


def consistency() -> list[str]:
    """Which types differ between a leap and steps to the same moment."""
    (world, leap), (_, steps) = staged(), staged((40 * DAY, 41 * DAY, LENGTH))
    account = world.accounts[0].id
    return [
        kind
        for kind in leap.types(account)
        if list(leap.scan(account, kind)) != list(steps.scan(account, kind))
    ]


def forget_to_end(account: Account, subscription: Any, reason: str) -> None:
    """An end that Stripe shows and nobody wrote down."""
    subscription.status, subscription.ended_at = "canceled", account.now
    subscription.plan += 1
    account.show(subscription, "customer.subscription.deleted")


def forget_to_remove(account: Account, subscription: Any, item: Any, **_: Any) -> None:
    """An item that is only gone in Stripe."""
    subscription.items.remove(item)
    account.show(subscription)


def owed_credit(*arguments: Any) -> Any:
    """A credit that is charged."""
    made = PRORATION(*arguments)
    made.amount = abs(made.amount)
    return made


def forget_to_lower(account: Account, charge: Any, amount: int, **more: Any) -> Any:
    """A refund that its charge does not tell of."""
    refund = REFUND(account, charge, amount, **more)
    charge.refunded -= amount
    return refund


def old_field(account: Account, thing: Any) -> dict[str, Any]:
    """A charge with a field of an older version."""
    return CHARGE(account, thing) | {"invoice": None}


def number_by_sight(self: Account, thing: Any, *types: str, before: Any = None) -> None:
    """Events that are only numbered while somebody can see them."""
    if self.now < self._event_floor:
        self._dirty[thing.id] = thing
        return
    SHOW(self, thing, *types, before=before)


def silent_detach(account: Account, discount: Any, customer: Any, subscription: Any = None) -> None:
    """A discount that goes without an event."""
    if subscription is not None and discount in subscription.discounts:
        subscription.discounts.remove(discount)
        account.show(subscription)


PRORATION, REFUND, CHARGE, SHOW = (
    lines.proration,
    payments.refund,
    shown_payments.charge,
    Account.show,
)
MUTATIONS: list[tuple[Any, str, Callable[..., Any], Callable[[], list[str]]]] = [
    (lifecycle, "end", forget_to_end, invariants),
    (changes, "remove_item", forget_to_remove, invariants),
    (lines, "proration", owed_credit, invariants),
    (payments, "refund", forget_to_lower, invariants),
    (catalog, "detach", silent_detach, invariants),
    (Account, "show", number_by_sight, consistency),
]


@pytest.mark.parametrize(("owner", "rule", "mutant", "check"), MUTATIONS)
def test_a_broken_rule_is_caught(
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    rule: str,
    mutant: Callable[..., Any],
    check: Callable[[], list[str]],
) -> None:
    monkeypatch.setattr(owner, rule, mutant)
    assert check() != []


def test_a_broken_shape_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from stripe_simulator.world import render, state

    monkeypatch.setitem(render._RENDERERS, state.Charge, ("charge", old_field))
    assert any("invoice" in fault for fault in conformance())


@pytest.mark.parametrize("check", [invariants, conformance, consistency])
def test_the_unbroken_world_passes(check: Callable[[], list[str]]) -> None:
    assert check() == []
