"""The store against a plain model of it, with and without a lazy sequence."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from stripe_simulator.entries import Entry
from stripe_simulator.store import ObjectStore
from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.handmade import ACME, NOW, ask

BASE = NOW - 10_000
LAZY_COUNT = 40


class Rendered:
    """Charges that exist only when somebody looks, three in each second."""

    def __len__(self) -> int:
        return LAZY_COUNT

    def created(self, index: int) -> int:
        return BASE + index // 3

    def id(self, index: int) -> str:
        return f"ch_{index:04}"

    def index(self, object_id: str) -> int | None:
        number = int(object_id.removeprefix("ch_"))
        return number if number < LAZY_COUNT else None

    def render(self, index: int) -> dict[str, Any]:
        return handmade.charge(index, self.created(index), customer=None)

    def entry(self, index: int) -> Entry:
        made = Entry(self.id(index), self.created(index), index)
        made.fill(self.render(index))
        return made


# Puts and deletions of lazy objects and of later ones.
operations = st.lists(
    st.tuples(st.sampled_from(["put", "delete"]), st.integers(0, LAZY_COUNT + 20)), max_size=40
)


def apply(store: ObjectStore, done: list[tuple[str, int]]) -> None:
    for turn, (what, number) in enumerate(done):
        if what == "put":
            created = BASE + number // 3
            charge = handmade.charge(number, created, customer=None, amount=turn)
            store.put(ACME, charge)
        else:
            store.delete(ACME, "charge", f"ch_{number:04}")


def read(store: ObjectStore, limit: int, window: str) -> list[dict[str, Any]]:
    served = handmade.simulator(store)
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = ask(served, f"/v1/charges?limit={limit}{window}{cursor}")
        assert answer.status == 200, answer.body
        page = orjson.loads(answer.body)
        found += page["data"]
        if not page["has_more"]:
            return found
        cursor = f"&starting_after={found[-1]['id']}"


@given(
    done=operations,
    limit=st.integers(1, 7),
    low=st.integers(BASE - 1, BASE + 25),
    length=st.integers(0, 25),
)
def test_a_lazy_shelf_answers_like_one_that_holds_everything(
    done: list[tuple[str, int]], limit: int, low: int, length: int
) -> None:
    lazy, plain = ObjectStore(), ObjectStore()
    rendered = Rendered()
    lazy.attach(ACME, "charge", rendered)
    for index in range(LAZY_COUNT):
        plain.put(ACME, rendered.render(index))
    apply(lazy, done)
    apply(plain, done)
    window = f"&created[gte]={low}&created[lt]={low + length}"
    key = orjson.dumps
    # Within one second the order of objects put later is the store's own affair.
    for asked in ("", window):
        got, expected = read(lazy, limit, asked), read(plain, limit, asked)
        assert [each["created"] for each in got] == [each["created"] for each in expected]
        assert sorted(map(key, got)) == sorted(map(key, expected))
    for number in range(LAZY_COUNT + 21):
        name = f"ch_{number:04}"
        assert lazy.get(ACME, "charge", name) == plain.get(ACME, "charge", name)
        assert lazy.exists(ACME, "charge", name) == plain.exists(ACME, "charge", name)


@given(operations)
def test_scan_is_what_was_put_and_not_deleted_oldest_first(done: list[tuple[str, int]]) -> None:
    store = ObjectStore()
    apply(store, done)
    model: dict[str, int] = {}
    for turn, (what, number) in enumerate(done):
        if what == "put":
            model[f"ch_{number:04}"] = turn
        else:
            model.pop(f"ch_{number:04}", None)
    scanned = list(store.scan(ACME, "charge"))
    assert {each["id"]: each["amount"] for each in scanned} == model
    created = [each["created"] for each in scanned]
    assert created == sorted(created)


def test_a_put_is_a_snapshot() -> None:
    store = ObjectStore()
    charge = handmade.charge(1, NOW)
    store.put(ACME, charge)
    charge["amount"] = 7
    charge["metadata"]["late"] = "yes"
    stored = store.get(ACME, "charge", "ch_0001")
    assert stored is not None
    assert stored["amount"] == 100
    assert stored["metadata"] == {}


def test_a_hidden_object_answers_by_id_and_is_in_no_list() -> None:
    store = handmade.store()
    store.hide(ACME, "price", "price_1")
    served = handmade.simulator(store)
    listed = orjson.loads(ask(served, "/v1/prices").body)["data"]
    assert [each["id"] for each in listed] == ["price_2"]
    assert ask(served, "/v1/prices/price_1").status == 200
