"""Lists: order, cursors, windows, filters, and what is refused."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_simulator.server import Simulator
from stripe_simulator.wire.lists import EVENT_RETENTION_SECONDS
from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.handmade import ACME, DAY, NOW, ask

SERVED = handmade.simulator()
CHARGES = [(f"ch_{number:04}", NOW - 1000 + number // 3) for number in range(250, 0, -1)]


def page(path: str, served: Simulator = SERVED) -> dict[str, Any]:
    answer = ask(served, path)
    assert answer.status == 200, answer.body
    parsed: dict[str, Any] = orjson.loads(answer.body)
    return parsed


def ids(path: str, served: Simulator = SERVED) -> list[str]:
    return [each["id"] for each in page(path, served)["data"]]


def refused(path: str, served: Simulator = SERVED) -> dict[str, Any]:
    answer = ask(served, path)
    assert answer.status == 400, answer.body
    error: dict[str, Any] = orjson.loads(answer.body)["error"]
    assert error["type"] == "invalid_request_error"
    return error


def test_ten_objects_newest_first_by_default() -> None:
    answer = page("/v1/charges")
    assert [each["id"] for each in answer["data"]] == [name for name, _ in CHARGES[:10]]
    assert answer["has_more"] is True
    assert answer["object"] == "list"
    assert answer["url"] == "/v1/charges"


@given(
    limit=st.integers(1, 100),
    low=st.none() | st.integers(NOW - 1002, NOW - 910),
    high=st.none() | st.integers(NOW - 1002, NOW - 910),
    bounds=st.tuples(st.sampled_from(["gt", "gte"]), st.sampled_from(["lt", "lte"])),
)
def test_paging_forward_and_back_gives_exactly_the_window(
    limit: int, low: int | None, high: int | None, bounds: tuple[str, str]
) -> None:
    window = ""
    expected = CHARGES
    if low is not None:
        window += f"&created[{bounds[0]}]={low}"
        edge = low + (bounds[0] == "gt")
        expected = [each for each in expected if each[1] >= edge]
    if high is not None:
        window += f"&created[{bounds[1]}]={high}"
        edge = high + (bounds[1] == "lte")
        expected = [each for each in expected if each[1] < edge]
    forward: list[str] = []
    cursor = ""
    while True:
        got = page(f"/v1/charges?limit={limit}{window}{cursor}")
        forward += [each["id"] for each in got["data"]]
        if not got["has_more"]:
            break
        assert len(got["data"]) == limit
        cursor = f"&starting_after={forward[-1]}"
    assert forward == [name for name, _ in expected]
    if not forward:
        return
    back = [forward[-1]]
    while True:
        got = page(f"/v1/charges?limit={limit}{window}&ending_before={back[0]}")
        back = [each["id"] for each in got["data"]] + back
        if not got["has_more"]:
            break
    assert back == forward


def test_created_as_a_plain_number_is_that_second() -> None:
    second = NOW - 1000 + 50
    assert ids(f"/v1/charges?created={second}") == ["ch_0152", "ch_0151", "ch_0150"]


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ("limit=101", "limit", "parameter_invalid_integer"),
        ("limit=0", "limit", "parameter_invalid_integer"),
        ("limit=ten", "limit", "parameter_invalid_integer"),
        ("created[gte]=yesterday", "created[gte]", "parameter_invalid_integer"),
        ("created[after]=1", "created[after]", "parameter_unknown"),
        ("updated[gte]=1", "updated", "parameter_unknown"),
        ("status=paid", "status", "parameter_unknown"),
        ("customer=", "customer", "parameter_invalid_empty"),
        ("customer=cus_none", "customer", "resource_missing"),
        ("starting_after=ch_none", "starting_after", "resource_missing"),
        ("ending_before=ch_none", "ending_before", "resource_missing"),
    ],
)
def test_what_a_list_of_charges_refuses(query: str, param: str, code: str) -> None:
    error = refused(f"/v1/charges?{query}")
    assert (error["param"], error["code"]) == (param, code)


def test_both_cursors_at_once_are_refused() -> None:
    error = refused("/v1/charges?starting_after=ch_0002&ending_before=ch_0001")
    assert error["message"].startswith("Received both starting_after and ending_before")
    assert "code" not in error
    error = refused("/v1/charges?starting_after=ch_none&ending_before=ch_0001")
    assert error["code"] == "resource_missing"


def test_a_cursor_that_was_deleted_meanwhile_is_missing() -> None:
    filled = handmade.store()
    served = handmade.simulator(filled)
    assert ids("/v1/charges?limit=1", served) == ["ch_0250"]
    filled.delete(ACME, "charge", "ch_0250")
    error = refused("/v1/charges?limit=1&starting_after=ch_0250", served)
    assert error["message"] == "No such charge: 'ch_0250'"
    assert ids("/v1/charges?limit=1", served) == ["ch_0249"]


def test_a_late_object_takes_its_place_by_creation() -> None:
    filled = handmade.store()
    served = handmade.simulator(filled)
    assert ids("/v1/charges?limit=100", served)
    filled.put(ACME, handmade.charge(9999, NOW - 1000 + 80))
    window = ids(f"/v1/charges?created={NOW - 1000 + 80}", served)
    assert window == ["ch_9999", "ch_0242", "ch_0241", "ch_0240"]


def test_a_change_shows_at_once() -> None:
    filled = handmade.store()
    served = handmade.simulator(filled)
    assert page("/v1/charges?limit=1", served)["data"][0]["amount"] == 25_000
    filled.put(ACME, handmade.charge(250, NOW - 1000 + 83, amount=1))
    assert page("/v1/charges?limit=1", served)["data"][0]["amount"] == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["sub_4", "sub_3", "sub_1"]),
        ("status=all", ["sub_4", "sub_3", "sub_2", "sub_1"]),
        ("status=canceled", ["sub_2"]),
        ("status=ended", ["sub_4", "sub_2"]),
        ("status=past_due", ["sub_3"]),
        ("status=all&price=price_2", []),
        ("status=all&customer=cus_2", []),
    ],
)
def test_subscriptions_by_status(query: str, expected: list[str]) -> None:
    assert ids(f"/v1/subscriptions?{query}") == expected


def test_an_unknown_status_names_the_known_ones() -> None:
    error = refused("/v1/subscriptions?status=alive")
    assert error["message"].startswith("Invalid status: must be one of active, all, canceled")


def test_prices_by_activity_and_interval() -> None:
    assert ids("/v1/prices?active=true") == ["price_1"]
    assert ids("/v1/prices?active=false") == ["price_2"]
    assert ids("/v1/prices?recurring[interval]=month") == ["price_2", "price_1"]
    assert ids("/v1/prices?recurring[interval]=year") == []
    assert refused("/v1/prices?active=yes")["message"] == "Invalid boolean: yes"
    assert refused("/v1/prices?recurring[colour]=red")["param"] == "recurring[colour]"


def test_events_by_type_and_age() -> None:
    assert ids("/v1/events") == ["evt_3", "evt_2"]
    assert ids("/v1/events?type=charge.*") == ["evt_3"]
    assert ids("/v1/events?types[]=invoice.paid&types[]=charge.refunded") == ["evt_3", "evt_2"]
    assert ids(f"/v1/events?created[lt]={NOW - DAY}") == ["evt_2"]
    assert ask(SERVED, "/v1/events/evt_2").status == 200
    assert ask(SERVED, "/v1/events/evt_1").status == 404


def test_an_event_is_listed_for_thirty_days_to_the_second() -> None:
    filled = handmade.store()
    filled.put(ACME, handmade.event(7, NOW - EVENT_RETENTION_SECONDS))
    filled.put(ACME, handmade.event(8, NOW - EVENT_RETENTION_SECONDS - 1))
    assert ids("/v1/events", handmade.simulator(filled)) == ["evt_3", "evt_2", "evt_7"]


def test_types_are_at_most_twenty_and_not_beside_type() -> None:
    many = "&".join(f"types[]=a.{number}" for number in range(21))
    assert refused(f"/v1/events?{many}")["param"] == "types"
    assert "Received both type and types" in refused("/v1/events?type=a&types[]=b")["message"]


def test_lines_beyond_the_first_ten_are_read_from_their_own_list() -> None:
    inside = page("/v1/invoices")["data"][-1]["lines"]
    assert len(inside["data"]) == 10
    assert inside["has_more"] is True
    found = [each["id"] for each in inside["data"]]
    while True:
        got = page(f"/v1/invoices/in_1/lines?limit=4&starting_after={found[-1]}")
        found += [each["id"] for each in got["data"]]
        if not got["has_more"]:
            break
    assert found == [f"il_1_{number}" for number in range(25)]
    assert refused("/v1/invoices/in_1/lines?starting_after=il_none")["code"] == "resource_missing"
    assert ask(SERVED, "/v1/invoices/in_none/lines").status == 404


def test_subscription_items_need_their_subscription() -> None:
    assert refused("/v1/subscription_items")["code"] == "parameter_missing"
    assert len(ids("/v1/subscription_items?subscription=sub_1&limit=100")) == 12
    assert page("/v1/subscription_items?subscription=sub_1&limit=10")["has_more"] is True


def test_objects_of_test_clocks_are_missing_from_list_all() -> None:
    filled = handmade.store()
    clocked = {"id": "cus_t", "object": "customer", "created": NOW, "test_clock": "clock_1"}
    filled.put(ACME, clocked)
    served = handmade.simulator(filled)
    assert "cus_t" not in ids("/v1/customers", served)
    assert ids("/v1/customers?test_clock=clock_1", served) == ["cus_t"]


def test_a_deleted_object_leaves_the_list_and_says_so_by_id() -> None:
    filled = handmade.store()
    filled.delete(ACME, "customer", "cus_2")
    served = handmade.simulator(filled)
    assert ids("/v1/customers", served) == ["cus_1"]
    answer = page("/v1/customers/cus_2", served)
    assert answer == {"id": "cus_2", "object": "customer", "deleted": True}
    assert ask(served, "/v1/charges?customer=cus_2").status == 200


def test_accounts_do_not_see_each_other() -> None:
    answer = ask(SERVED, "/v1/charges", account=handmade.OTHER)
    assert orjson.loads(answer.body)["data"] == []
