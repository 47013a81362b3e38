"""Everything served conforms to the description; and a wrong simulator is caught."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_simulator.entries import Entry
from stripe_simulator.server import Options, Simulator
from stripe_simulator.store import ObjectStore, Shelf
from stripe_simulator.wire.clock import VirtualClock
from tests.stripe_simulator.conformance import DAY, DAYS, START, Verdict, get, simulate, sweep
from tests.stripe_simulator.description import faults

NOW = START + DAYS * DAY


@pytest.fixture(scope="module")
def tiny() -> Simulator:
    return simulate("tiny", 1)


@pytest.mark.e2e
def test_a_tiny_world_conforms(tiny: Simulator) -> None:
    verdict = Verdict()
    sweep(tiny, verdict)
    assert verdict.failed.total() == 0, verdict.table()
    assert verdict.checked.total() > 5_000
    assert {"charge", "invoice", "subscription", "event", "line_item"} <= set(verdict.checked)


@pytest.mark.long
@pytest.mark.parametrize(
    ("preset", "seed"), [("every-case", 1), *(("tiny", seed) for seed in range(2, 12))]
)
def test_every_case_and_ten_seeds_conform(preset: str, seed: int) -> None:
    verdict = Verdict()
    sweep(simulate(preset, seed), verdict)
    assert verdict.failed.total() == 0, verdict.table()


def one(tiny: Simulator, path: str) -> dict[str, Any]:
    """The newest object of a list."""
    return get(tiny, tiny.accounts[0].id, path)["data"][0]  # type: ignore[no-any-return]


MUTATIONS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "a field of an older version": ("/v1/charges", lambda each: each.update(invoice=None)),
    "a field left out": ("/v1/invoices", lambda each: each.pop("amount_due")),
    "null where none may be": ("/v1/subscriptions", lambda each: each.update(items=None)),
    "money as a float": ("/v1/refunds", lambda each: each.update(amount=1.5)),
    "an invented field deep inside": (
        "/v1/invoices",
        lambda each: each["lines"]["data"][0]["pricing"].update(price="price_1"),
    ),
    "an object where an id belongs": (
        "/v1/customers",
        lambda each: each.update(default_source={"object": "nothing"}),
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_an_object_that_is_wrong_is_caught(tiny: Simulator, name: str) -> None:
    path, mutate = MUTATIONS[name]
    obj = one(tiny, path)
    assert faults(obj) == []
    mutate(obj)
    assert faults(obj) != []


def turned_round(shelf: Shelf, positions: range, limit: int, test: Any) -> tuple[list[Entry], bool]:
    """The objects of a page, oldest first."""
    return [shelf.at(position) for position in positions[:limit]][::-1], len(positions) > limit


def no_next_page(shelf: Shelf, positions: range, limit: int, test: Any) -> tuple[list[Entry], bool]:
    """A page that never says that another one follows."""
    return [shelf.at(position) for position in positions[:limit]], False


def nothing_irregular(obj: dict[str, Any]) -> bool:
    """No object is looked at any deeper, so nothing inside it is left out or cut."""
    return False


def no_has_more(nested: dict[str, Any], tree: Any, lookup: Any) -> dict[str, Any]:
    """A nested list that does not say whether there is more."""
    return {**nested, "data": nested["data"][:10], "has_more": None}


RULES: dict[str, tuple[str, Any]] = {
    "pages are newest first": ("wire.lists._collect", turned_round),
    "pages say that another one follows": ("wire.lists._collect", no_next_page),
    "nested lists are cut at ten": ("entries.is_irregular", nothing_irregular),
    "nested lists say whether there is more": ("wire.rendering.cut_list", no_has_more),
}
PATHS = frozenset({"/v1/charges", "/v1/invoices"})


def served_again(tiny: Simulator) -> Simulator:
    """The charges and invoices of the tiny world, and an invoice of twelve lines, served anew."""
    account_id = tiny.accounts[0].id
    store = ObjectStore()
    for kind in ("account", "charge", "invoice"):
        for obj in tiny.store.scan(account_id, kind):
            store.put(account_id, obj)
    long = one(tiny, "/v1/invoices")
    line = long["lines"]["data"][0]
    long["id"] = "in_long"
    long["lines"]["data"] = [{**line, "id": f"il_{number}"} for number in range(12)]
    store.put(account_id, long)
    return Simulator(World(tiny), lambda *question: {}, store, VirtualClock(NOW), Options(seed="1"))


class World:
    """The accounts of another simulator, in which nothing happens."""

    now = NOW

    def __init__(self, simulator: Simulator) -> None:
        self.accounts = simulator.accounts


@pytest.mark.e2e
def test_with_every_rule_right_nothing_is_found(tiny: Simulator) -> None:
    verdict = Verdict()
    sweep(served_again(tiny), verdict, PATHS)
    assert verdict.failed.total() == 0, verdict.table()


@pytest.mark.e2e
@pytest.mark.parametrize("rule", RULES)
def test_a_simulator_with_a_wrong_rule_is_caught(
    tiny: Simulator, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    where, mutated = RULES[rule]
    monkeypatch.setattr(f"stripe_simulator.{where}", mutated)
    wrong = Verdict()
    sweep(served_again(tiny), wrong, PATHS)
    assert wrong.failed.total() > 0
