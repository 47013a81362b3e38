"""Expansion: what is left out, what comes in, and how deep it goes."""

from typing import Any

import orjson
import pytest

from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.handmade import ask

SERVED = handmade.simulator()


def read(path: str) -> Any:
    answer = ask(SERVED, path)
    assert answer.status == 200, answer.body
    return orjson.loads(answer.body)


def refusal(path: str) -> str:
    answer = ask(SERVED, path)
    assert answer.status == 400, answer.body
    error = orjson.loads(answer.body)["error"]
    assert error["type"] == "invalid_request_error"
    message: str = error["message"]
    return message


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/prices/price_1", "tiers"),
        ("/v1/coupons/half", "applies_to"),
        ("/v1/invoices/in_1", "payments"),
        ("/v1/customers/cus_1", "tax_ids"),
    ],
)
def test_some_fields_are_only_sent_when_expanded(path: str, field: str) -> None:
    assert field not in read(path)
    assert field in read(f"{path}?expand[]={field}")
    collection = path.rpartition("/")[0]
    assert all(field not in each for each in read(collection)["data"])
    assert field in read(f"{collection}?expand[]=data.{field}")["data"][-1]


def test_an_id_becomes_its_object_and_the_next_level_too() -> None:
    assert read("/v1/charges/ch_0001")["customer"] == "cus_1"
    assert read("/v1/charges/ch_0001?expand[]=customer")["customer"]["email"] == "a@b.c"
    listed = read("/v1/subscriptions?expand[]=data.discounts.source.coupon")["data"][-1]
    assert listed["discounts"][0]["source"]["coupon"]["id"] == "half"
    assert "applies_to" not in listed["discounts"][0]["source"]["coupon"]


def test_an_expansion_reaches_into_nested_lists_and_their_own_pages() -> None:
    expanded = read("/v1/invoices/in_2?expand[]=lines.data.discounts")
    assert expanded["lines"]["data"][0]["discounts"][0]["object"] == "discount"
    lines = read("/v1/invoices/in_2/lines?expand[]=data.discounts")
    assert lines["data"][0]["discounts"][0]["object"] == "discount"


def test_four_levels_and_no_more() -> None:
    assert read("/v1/subscriptions?expand[]=data.items.data.discounts")
    assert read("/v1/subscriptions/sub_1?expand[]=items.data.price.tiers")["items"]["data"][0][
        "price"
    ]["tiers"]
    message = refusal("/v1/subscriptions?expand[]=data.items.data.price.tiers")
    assert message.startswith("You cannot expand more than 4 levels")


def test_what_cannot_be_expanded_is_refused() -> None:
    assert "(amount)" in refusal("/v1/charges/ch_0001?expand[]=amount")
    assert "'data.customer'" in refusal("/v1/charges?expand[]=customer")
    assert ask(SERVED, "/v1/charges?expand[]=data").status == 200
    assert "(data.customer.nothing)" in refusal("/v1/charges?expand[]=data.customer.nothing")
    assert "(data.items.discounts)" in refusal("/v1/subscriptions?expand[]=data.items.discounts")


def test_an_expansion_never_changes_the_plain_answer() -> None:
    before = ask(SERVED, "/v1/invoices").body
    read("/v1/invoices?expand[]=data.payments&expand[]=data.discounts")
    assert ask(SERVED, "/v1/invoices").body == before


def test_lists_that_belong_to_an_object_are_put_together() -> None:
    filled = handmade.store()
    for number in range(12):
        filled.put(
            handmade.ACME,
            {
                "id": f"re_{number}",
                "object": "refund",
                "created": handmade.NOW + number,
                "charge": "ch_0001" if number else "ch_0002",
            },
        )
    served = handmade.simulator(filled)

    def get(path: str) -> Any:
        return orjson.loads(ask(served, path).body)

    assert "refunds" not in get("/v1/charges/ch_0001")
    refunds = get("/v1/charges/ch_0001?expand[]=refunds")["refunds"]
    assert [each["id"] for each in refunds["data"]] == [f"re_{n}" for n in range(11, 1, -1)]
    assert refunds["has_more"] is True
    assert refunds["url"] == "/v1/charges/ch_0001/refunds"
    listed = get("/v1/charges?limit=100&created[lte]=1789999000&expand[]=data.refunds")["data"]
    assert [each["id"] for each in listed[0]["refunds"]["data"]] == ["re_0"]
    nested = get("/v1/charges/ch_0001/refunds?limit=100&starting_after=re_3")
    assert [each["id"] for each in nested["data"]] == ["re_2", "re_1"]
    customer = get("/v1/customers/cus_1?expand[]=subscriptions")
    current = [each["id"] for each in customer["subscriptions"]["data"]]
    assert current == ["sub_4", "sub_3", "sub_1"]
