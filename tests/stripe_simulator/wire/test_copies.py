"""Copies of a business: as many objects, with ids of their own, and a truth to match."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from stripe_simulator import ledger
from stripe_simulator.building import build
from stripe_simulator.copies import COPIED_ID, COPIED_TYPES, MOST_COPIES, RATIOS, CopiedWorld
from stripe_simulator.server import Options, Simulator
from stripe_simulator.store import ObjectStore
from stripe_simulator.wire.clock import VirtualClock
from tests.stripe_simulator.conformance import DAY, START, Verdict, every, get, sweep

COPIES = 3
NOW = START + 200 * DAY
LISTS = {
    "charge": "/v1/charges",
    "customer": "/v1/customers",
    "invoice": "/v1/invoices",
    "refund": "/v1/refunds",
}


@pytest.fixture(scope="module")
def served() -> Simulator:
    store = ObjectStore()
    world, truth = build("tiny", 2, START, NOW, store, copies=COPIES)
    return Simulator(world, truth, store, VirtualClock(NOW), Options())


@pytest.fixture(scope="module")
def originals() -> ObjectStore:
    store = ObjectStore()
    build("tiny", 2, START, NOW, store)
    return store


@pytest.mark.parametrize("kind", LISTS)
def test_every_object_is_listed_once_in_each_copy(
    served: Simulator, originals: ObjectStore, kind: str
) -> None:
    account_id = served.accounts[0].id
    ids = [each["id"] for each in every(served, account_id, LISTS[kind])]
    expected = [each["id"] for each in originals.scan(account_id, kind)]
    assert len(ids) == len(set(ids)) == COPIES * len(expected) > 0
    assert {name[:-2] for name in ids} == set(expected)


def test_a_copy_refers_to_its_own_kind(served: Simulator) -> None:
    account_id = served.accounts[0].id
    for invoice in every(served, account_id, "/v1/invoices", "&expand[]=data.payments"):
        text = orjson.dumps(invoice).decode()
        endings = {found.group()[-2:] for found in COPIED_ID.finditer(text)}
        assert endings == {invoice["id"][-2:]}
    charge = get(served, account_id, "/v1/charges", "limit=1&expand[]=data.customer")["data"][0]
    assert charge["customer"]["id"].endswith(charge["id"][-2:])
    customer = charge["customer"]["id"]
    mine = get(served, account_id, "/v1/charges", f"limit=100&customer={customer}")["data"]
    assert charge["id"] in {each["id"] for each in mine}
    assert {each["customer"] for each in mine} == {customer}


@pytest.mark.e2e
def test_copies_conform(served: Simulator) -> None:
    verdict = Verdict()
    sweep(served, verdict)
    assert verdict.failed.total() == 0, verdict.table()


def test_the_truth_grows_with_the_copies_and_its_ratios_do_not() -> None:
    day = datetime.fromtimestamp(NOW, UTC).date()
    world, truth = build("tiny", 2, START, NOW, ObjectStore(), copies=COPIES)
    assert isinstance(world, CopiedWorld)
    account_id = world.accounts[0].id
    many: dict[str, Any] = truth(world, account_id, day, day)[day]
    one: dict[str, Any] = ledger.truth(world.original, account_id, day, day)[day]
    assert set(many) == set(one)
    for currency, metrics in one.items():
        assert set(metrics) > RATIOS
        for name, value in metrics.items():
            got = many[currency][name]
            if name in RATIOS or value is None:
                assert got == value
            else:
                assert got == value * COPIES
                assert isinstance(got, Decimal | int)


def test_the_truth_of_copies_counts_the_customers_that_are_listed(served: Simulator) -> None:
    account = served.accounts[0]
    day = datetime.fromtimestamp(NOW, UTC).date()
    body = get(served, account.id, "/_simulator/truth", f"account={account.id}&day={day}")
    listed = list(every(served, account.id, "/v1/customers"))
    assert body["days"][str(day)]["usd"]["customer_count"] == len(listed)


def test_the_original_lives_on_and_its_copies_follow() -> None:
    store = ObjectStore()
    world, _ = build("tiny", 2, START, NOW, store, copies=2)
    account_id = world.accounts[0].id
    before = {kind: len(store.shelf(account_id, kind)) for kind in COPIED_TYPES}
    world.advance(NOW + 30 * DAY)
    assert len(store.shelf(account_id, "charge")) > before["charge"]
    scanned = [each["created"] for each in store.scan(account_id, "charge")]
    assert scanned == sorted(scanned)


def test_some_accounts_can_have_copies_and_the_others_none() -> None:
    store, plain = ObjectStore(), ObjectStore()
    day = datetime.fromtimestamp(NOW, UTC).date()
    world, truth = build("tiny", 2, START, NOW, store, COPIES, 1, accounts=2)
    build("tiny", 2, START, NOW, plain, accounts=2)
    first, second = (account.id for account in world.accounts)
    for account_id, times in ((first, COPIES), (second, 1)):
        for kind in COPIED_TYPES:
            assert len(store.shelf(account_id, kind)) == times * len(plain.shelf(account_id, kind))
        many = truth(world, account_id, day, day)[day]["usd"]["customer_count"]
        one = ledger.truth(world.original, account_id, day, day)[day]["usd"]["customer_count"]
        assert many == times * one > 0


def test_so_many_copies_there_cannot_be() -> None:
    with pytest.raises(ValueError, match="copies"):
        build("tiny", 1, START, START + DAY, ObjectStore(), copies=MOST_COPIES + 1)


@pytest.mark.e2e
def test_large_has_a_million_charges() -> None:
    store = ObjectStore()
    world, _ = build("large", 1, START, START + 548 * DAY, store)
    shelf = store.shelf(world.accounts[0].id, "charge")
    assert len(shelf) > 1_000_000
    middle = shelf.at(500_000)
    assert shelf.find(middle.id) is not None
    assert shelf.place_of(middle) == 500_000
