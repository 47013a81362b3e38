"""The traps of docs/stripe.md, one test each; every one fails if its defence is taken away."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from dlt_sources.stripe import Cursor
from dlt_sources.stripe.models import AccountTask
from dlt_sources.stripe.rows import encode
from dlt_sources.stripe.source import Reading
from tests.dlt_sources.rig import IMPATIENT
from tests.dlt_sources.stub import ACCOUNT, Stub, running_stub

Rows = dict[str, list[dict[str, Any]]]
DAY = 86_400


@pytest.fixture
def stub() -> Iterator[Stub]:
    with running_stub() as running:
        yield running


@pytest.fixture
def read(stub: Stub, tmp_path: Path) -> Any:
    """Read the stub; returns rows by table (`object` decoded)."""
    runs = iter(range(100))

    def read_it(task: AccountTask | None = None) -> Rows:
        reading = Reading(
            [task or stub.task()],
            directory=tmp_path / str(next(runs)),
            run_id="run",
            retries=IMPATIENT,
        )
        assert [outcome.error for outcome in reading.outcomes.values()] == [None]
        names = ("customers", "subscriptions", "prices", "charges", "invoices", "events")
        rows: Rows = {}
        for name in (*names, "refunds", "products", "accounts", "syncs"):
            rows[name] = [row for table in reading.tables(name) for row in table.to_pylist()]
            for row in rows[name]:
                if "object" in row:
                    row["object"] = orjson.loads(row["object"])
        return rows

    return read_it


def after(stub: Stub, rows: Rows, *, seconds: int = DAY) -> Cursor:
    """Let time pass and return the cursor that the sync of `rows` left."""
    (sync,) = rows["syncs"]
    stub.now += seconds
    stub.paths()
    return Cursor(
        ACCOUNT,
        sync["events_cursor"],
        sync["started_at"].replace(tzinfo=UTC),
        sync["history_start"].replace(tzinfo=UTC),
        frozenset(row["id"] for row in rows["events"]),
    )


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["id"] for row in rows)


def customer(stub: Stub, name: str, age: int = DAY) -> dict[str, Any]:
    return stub.add("/v1/customers", {"id": name, "object": "customer", "created": stub.now - age})


def test_nested_lists_are_completed_and_replaced_whole(stub: Stub, read: Any) -> None:
    stub.add("/v1/invoices", {"id": "in_1", "object": "invoice", "created": stub.now - DAY})
    stub.nested["in_1"] = [{"id": f"il_{i}", "object": "line_item"} for i in range(230)]
    stub.add("/v1/subscriptions", {"id": "sub_1", "object": "subscription", "created": 1})
    stub.nested["sub_1"] = [{"id": f"si_{i}", "object": "subscription_item"} for i in range(12)]
    rows = read()
    lines = rows["invoices"][0]["object"]["lines"]
    assert [line["id"] for line in lines["data"]] == [f"il_{i}" for i in range(230)]
    assert lines["has_more"] is False
    items = rows["subscriptions"][0]["object"]["items"]
    assert len(items["data"]) == 12 and items["has_more"] is False


def test_an_inline_price_is_harvested_from_the_item_that_uses_it(stub: Stub, read: Any) -> None:
    price = {"id": "price_inline", "object": "price", "created": 5, "product": "prod_gone"}
    stub.add("/v1/prices", {**price, "tiers": []}, listed=False)
    stub.add("/v1/subscriptions", {"id": "sub_1", "object": "subscription", "created": 7})
    stub.nested["sub_1"] = [{"id": "si_1", "object": "subscription_item", "price": price}]
    rows = read()
    assert ids(rows["prices"]) == ["price_inline"]
    assert "tiers" in rows["prices"][0]["object"], "read by id, with its tiers"
    assert [row["deleted"] for row in rows["products"]] == [True], "and what it refers to"


def test_an_inline_price_of_a_later_subscription_is_harvested_too(stub: Stub, read: Any) -> None:
    cursor = after(stub, read())
    old = {"id": "price_old", "object": "price", "created": 5}
    new = {"id": "price_new", "object": "price", "created": stub.now - 5}
    stub.add("/v1/prices", new, listed=False)
    subscription = {"id": "sub_1", "object": "subscription", "created": stub.now - 5}
    stub.add("/v1/subscriptions", subscription)
    stub.nested["sub_1"] = [
        {"id": "si_1", "object": "subscription_item", "price": old},
        {"id": "si_2", "object": "subscription_item", "price": new},
    ]
    stub.happen("customer.subscription.created", subscription)
    rows = read(stub.task(cursor))
    assert ids(rows["prices"]) == ["price_new"], "the old one came with an earlier sync"


def test_a_deleted_customer_that_charges_name_becomes_a_tombstone(stub: Stub, read: Any) -> None:
    gone = {"id": "cus_gone", "object": "customer", "deleted": True}
    stub.add("/v1/customers", gone, listed=False)
    charge = {"id": "ch_1", "object": "charge", "created": stub.now - 9, "customer": "cus_gone"}
    stub.add("/v1/charges", charge)
    (row,) = read()["customers"]
    assert (row["id"], row["deleted"], row["created"]) == ("cus_gone", True, None)
    assert row["object"] == {"id": "cus_gone", "object": "customer", "deleted": True}


def test_a_deletion_is_seen_by_its_event(stub: Stub, read: Any) -> None:
    alive = customer(stub, "cus_1")
    cursor = after(stub, read())
    stub.objects["/v1/customers"].clear()
    stub.happen("customer.deleted", alive)
    (row,) = read(stub.task(cursor))["customers"]
    assert (row["id"], row["deleted"]) == ("cus_1", True)


def test_a_refund_reads_its_charge_again_however_old(stub: Stub, read: Any) -> None:
    charge = {"id": "ch_old", "object": "charge", "created": stub.now - 300 * DAY}
    stub.add("/v1/charges", charge)
    rows = read()
    assert rows["charges"] == [], "older than the payment history"
    cursor = after(stub, rows)
    refund = {"id": "re_1", "object": "refund", "created": stub.now - 5, "charge": "ch_old"}
    stub.add("/v1/refunds", refund)
    stub.happen("refund.created", refund)
    rows = read(stub.task(cursor))
    assert ids(rows["charges"]) == ["ch_old"]
    assert ids(rows["refunds"]) == ["re_1"]


@pytest.mark.parametrize("path", ["/v1/events", "/v1/charges", "/v1/customers"])
def test_t0_is_before_the_first_list(stub: Stub, read: Any, path: str) -> None:
    """A customer created while lists are read is after T0, so the next sync looks for it."""
    start = stub.now

    def later() -> None:
        stub.now += 120

    stub.before[path] = later
    (sync,) = read()["syncs"]
    assert sync["started_at"] == datetime.fromtimestamp(start, UTC).replace(tzinfo=None)
    assert sync["events_cursor"] == start - 60


def test_t0_of_later_syncs_is_before_the_first_object(stub: Stub, read: Any) -> None:
    cursor = after(stub, read())
    start = stub.now

    def later() -> None:
        stub.now += 120

    stub.before["/v1/account"] = later
    (sync,) = read(stub.task(cursor))["syncs"]
    assert sync["events_cursor"] == start - 60


def test_an_event_is_landed_once_though_two_lists_have_it(stub: Stub, read: Any) -> None:
    """A first import reads the newest events, so that the next poll knows them, and history."""
    one = customer(stub, "cus_1")
    newest = stub.happen("customer.deleted", one, created=stub.now - 5)
    other = stub.happen("customer.updated", one, created=stub.now - 6)
    older = stub.happen("customer.discount.created", one, created=stub.now - 5 * DAY)
    stub.happen("customer.updated", one, created=stub.now - 5 * DAY)
    assert ids(read()["events"]) == sorted([newest, other, older])


def test_a_day_of_many_events_is_read_to_its_end(stub: Stub, read: Any) -> None:
    cursor = after(stub, read())
    people = [customer(stub, f"cus_{i}", age=DAY - i) for i in range(450)]
    for i, one in enumerate(people):
        stub.happen("customer.created", one, created=stub.now - DAY + 60 + i // 3)
    rows = read(stub.task(cursor))
    assert len(rows["customers"]) == 450
    assert len(set(ids(rows["events"]))) == len(rows["events"]) == 450


def test_a_change_of_the_last_minute_is_read_twice_but_landed_once(stub: Stub, read: Any) -> None:
    """The first reply need not know of it yet: replicas lag."""
    one = customer(stub, "cus_1")
    cursor = after(stub, read())
    event = stub.happen("customer.updated", one, created=stub.now - 10)
    first = read(stub.task(cursor))
    assert ids(first["customers"]) == ["cus_1"] and ids(first["events"]) == [event]
    second_cursor = after(stub, first, seconds=70)
    second = read(stub.task(second_cursor))
    assert ids(second["customers"]) == ["cus_1"]
    assert second["events"] == []
    third_cursor = replace(after(stub, second), seen_events=frozenset([event]))
    third = read(stub.task(third_cursor))
    assert third["customers"] == []


def test_an_event_delivered_late_is_still_found(stub: Stub, read: Any) -> None:
    one = customer(stub, "cus_1")
    cursor = after(stub, read(), seconds=60)
    stub.happen("customer.updated", one, created=cursor.events_cursor - 300)
    assert ids(read(stub.task(cursor))["customers"]) == ["cus_1"]


def test_an_event_is_not_taken_for_the_state(stub: Stub, read: Any) -> None:
    """Its payload is in the API version of its creation: the object is read again."""
    one = customer(stub, "cus_1")
    cursor = after(stub, read())
    stub.happen("customer.updated", {**one, "email": "old shape"})
    one["email"] = "now@example.com"
    (row,) = read(stub.task(cursor))["customers"]
    assert row["object"]["email"] == "now@example.com"


def test_nothing_changed_is_one_request(stub: Stub, read: Any) -> None:
    customer(stub, "cus_1")
    cursor = after(stub, read(), seconds=1800)
    rows = read(stub.task(cursor))
    assert stub.paths() == ["/v1/events"]
    assert {name for name, found in rows.items() if found} == {"syncs"}


def test_the_account_is_read_again_once_a_day(stub: Stub, read: Any) -> None:
    cursor = after(stub, read(), seconds=DAY)
    read(stub.task(cursor))
    assert stub.paths() == ["/v1/events", "/v1/account"]


def test_requests_follow_the_change_and_not_the_size(stub: Stub, read: Any) -> None:
    asked = []
    for stored in (350, 1400):
        for i in range(len(stub.objects.get("/v1/customers", ())), stored):
            customer(stub, f"cus_{i}", age=i * 60)
        cursor = replace(after(stub, read()), sizes={"customers": stored})
        stub.happen("customer.updated", stub.objects["/v1/customers"][7])
        read(stub.task(cursor))
        asked.append(sorted(stub.paths()))
    assert asked == [["/v1/account", "/v1/customers/cus_7", "/v1/events"]] * 2


def test_a_relisted_window_lands_only_what_changed(stub: Stub, read: Any) -> None:
    for i in range(120):
        customer(stub, f"cus_{i}", age=i * 60)
    cursor = replace(after(stub, read()), sizes={"customers": 120})
    changed = stub.objects["/v1/customers"][:90]
    for obj in changed:
        stub.happen("customer.updated", obj)
    rows = read(stub.task(cursor))
    assert len(stub.paths()) < 20, "fewer requests than 90 by id"
    assert ids(rows["customers"]) == sorted(obj["id"] for obj in changed)


def test_a_gap_longer_than_the_feed_is_recovered_by_lists(stub: Stub, read: Any) -> None:
    """No event tells of these changes any more."""
    customer(stub, "cus_gone")
    open_invoice = {"id": "in_1", "object": "invoice", "created": stub.now - 80 * DAY}
    stub.add("/v1/invoices", {**open_invoice, "status": "open"})
    cursor = replace(
        after(stub, read(), seconds=40 * DAY),
        known={"customers": frozenset(["cus_gone"]), "invoices": frozenset(["in_1"])},
    )
    stub.objects["/v1/customers"].clear()
    stub.objects["/v1/invoices"] = [{**open_invoice, "status": "paid"}]
    new = customer(stub, "cus_new", age=35 * DAY)
    rows = read(stub.task(cursor))
    assert {row["id"]: row["deleted"] for row in rows["customers"]} == {
        "cus_gone": True,
        new["id"]: False,
    }
    assert [row["object"]["status"] for row in rows["invoices"]] == ["paid"]


def test_no_client_secret_is_stored() -> None:
    intent = {"id": "pi_1", "client_secret": "pi_1_secret_x", "deep": [{"client_secret": "y"}]}
    assert orjson.loads(encode(intent)) == {"id": "pi_1", "deep": [{}]}
    told = {"id": "ch_1", "description": 'a "client_secret" in words'}
    assert orjson.loads(encode(dict(told))) == told


def test_times_are_stripes_and_not_this_machines(stub: Stub, read: Any) -> None:
    stub.now = 1_000_000_000
    customer(stub, "cus_1")
    (row,) = read()["customers"]
    assert row["read_at"] == datetime(2001, 9, 9, 1, 46, 40)
    assert row["created"] == datetime(2001, 9, 8, 1, 46, 40)


def asked(stub: Stub, path: str) -> list[dict[str, list[str]]]:
    """Return the queries of one path since the requests were last looked at."""
    return [query for each, query in stub.requests if each == path]


def test_a_list_is_read_to_its_end_in_pages_of_a_hundred(stub: Stub, read: Any) -> None:
    for i in range(250):
        customer(stub, f"cus_{i}", age=i * 60)
    assert len(read()["customers"]) == 250
    assert {query["limit"][0] for query in asked(stub, "/v1/customers")} == {"100"}


def test_objects_of_one_second_are_all_read_where_a_page_ends_among_them(
    stub: Stub, read: Any
) -> None:
    for i in range(150):
        customer(stub, f"cus_{i}", age=600 + i // 130)
    assert len(set(ids(read()["customers"]))) == 150


def test_customers_are_read_however_old_and_payments_of_the_window_only(
    stub: Stub, read: Any
) -> None:
    customer(stub, "cus_old", age=3000 * DAY)
    charge = {"id": "ch_old", "object": "charge", "created": stub.now - 91 * DAY}
    stub.add("/v1/charges", charge)
    rows = read()
    assert ids(rows["customers"]) == ["cus_old"]
    assert rows["charges"] == []


def test_archived_prices_are_read_with_their_tiers(stub: Stub, read: Any) -> None:
    old = {"id": "price_archived", "object": "price", "created": 5, "active": False}
    stub.add("/v1/prices", old)
    assert ids(read()["prices"]) == ["price_archived"]
    assert all("data.tiers" in query["expand[]"] for query in asked(stub, "/v1/prices"))


def test_canceled_subscriptions_are_asked_for(stub: Stub, read: Any) -> None:
    read()
    assert [query["status"] for query in asked(stub, "/v1/subscriptions")] == [["all"]]


def test_events_of_subscriptions_are_kept_whole_for_thirty_days(stub: Stub, read: Any) -> None:
    """They are the exact history; the object says only how it ended."""
    subscription = {"id": "sub_1", "object": "subscription", "created": 7, "status": "active"}
    stub.add("/v1/subscriptions", subscription)
    event_id = stub.happen("customer.subscription.updated", subscription, stub.now - 29 * DAY)
    stub.events[-1]["data"]["previous_attributes"] = {"status": "trialing"}
    (row,) = read()["events"]
    assert row["id"] == event_id
    assert row["object"]["data"]["previous_attributes"] == {"status": "trialing"}


def test_after_a_gap_payments_are_read_from_thirty_days_before_it(stub: Stub, read: Any) -> None:
    cursor = after(stub, read(), seconds=40 * DAY)
    late = {"id": "ch_late", "object": "charge", "created": stub.now - 69 * DAY}
    stub.add("/v1/charges", late)
    assert ids(read(stub.task(cursor))["charges"]) == ["ch_late"]


def test_after_a_gap_what_no_list_has_is_asked_for_and_not_buried(stub: Stub, read: Any) -> None:
    """An inline price is in no list and alive."""
    price = {"id": "price_inline", "object": "price", "created": 5}
    stub.add("/v1/prices", price, listed=False)
    known = {"prices": frozenset(["price_inline"])}
    cursor = replace(after(stub, read(), seconds=40 * DAY), known=known)
    (row,) = read(stub.task(cursor))["prices"]
    assert (row["id"], row["deleted"]) == ("price_inline", False)


def test_a_recovered_gap_is_said(stub: Stub, tmp_path: Path, read: Any) -> None:
    cursor = after(stub, read(), seconds=26 * DAY)
    reading = Reading(
        [stub.task(cursor)], directory=tmp_path / "gap", run_id="run", retries=IMPATIENT
    )
    (outcome,) = reading.outcomes.values()
    assert (outcome.status, outcome.gap_recovered) == ("ok", True)
    assert outcome.note is not None and outcome.note.startswith("gap recovered: ")
    [table] = reading.tables("syncs")
    assert table["gap_recovered"].to_pylist() == [True]


def test_an_event_about_nothing_is_passed_over(stub: Stub, read: Any) -> None:
    """`invoice.upcoming` has no id."""
    cursor = after(stub, read())
    stub.happen("invoice.upcoming", {"object": "invoice", "created": stub.now})
    rows = read(stub.task(cursor))
    assert (rows["invoices"], rows["events"]) == ([], [])


def test_every_request_names_the_pinned_version(stub: Stub, read: Any) -> None:
    read()
    assert set(stub.versions) == {"2026-05-27.dahlia"}
