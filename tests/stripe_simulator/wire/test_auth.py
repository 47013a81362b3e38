"""Keys: who is let in, and what restricted keys may not read."""

import base64

import orjson
import pytest

from stripe_simulator.wire.app import API_VERSION
from stripe_simulator.wire.endpoints import ENDPOINTS
from stripe_simulator.wire.http import Request
from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.handmade import ACME, OTHER, ask

SERVED = handmade.simulator()


def test_every_answer_says_when_which_request_and_which_version() -> None:
    for path, status in (("/v1/charges", 200), ("/v1/charges?x=1", 400), ("/v1/nothing", 404)):
        answer = ask(SERVED, path)
        assert answer.status == status
        assert answer.headers["Date"] == "Mon, 21 Sep 2026 14:13:20 GMT"
        assert answer.headers["Request-Id"].startswith("req_")
        assert answer.headers["Stripe-Version"] == API_VERSION


def test_a_key_may_also_come_as_the_user_of_basic_authentication() -> None:
    key = SERVED.credentials.account_key(ACME)
    basic = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    answer = SERVED.handle(Request("GET", "/v1/account", "", {"authorization": basic}, b""))
    assert orjson.loads(answer.body)["id"] == ACME


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic ???", "Digest x"])
def test_without_a_usable_key_nothing_is_read(header: str) -> None:
    answer = SERVED.handle(Request("GET", "/v1/charges", "", {"authorization": header}, b""))
    assert answer.status == 401
    assert b"You did not provide an API key" in answer.body


def test_an_unknown_key_is_named_but_not_repeated() -> None:
    answer = ask(SERVED, "/v1/charges", key="sk_test_51AbCdEfGhIjKlMnOpQrStUvWx")
    assert answer.status == 401
    message = orjson.loads(answer.body)["error"]["message"]
    assert message == "Invalid API Key provided: sk_test_**********************UvWx"


def test_a_version_that_the_simulator_cannot_render_is_refused() -> None:
    answer = ask(SERVED, "/v1/charges", stripe_version="2019-01-01")
    assert answer.status == 400
    assert b"Invalid Stripe API version: 2019-01-01" in answer.body


def test_an_account_reads_itself_and_no_other() -> None:
    assert orjson.loads(ask(SERVED, f"/v1/accounts/{ACME}").body)["country"] == "DE"
    assert ask(SERVED, f"/v1/accounts/{OTHER}").status == 403
    assert ask(SERVED, "/v1/charges", stripe_account=OTHER).status == 403
    assert ask(SERVED, "/v1/charges", stripe_account=ACME).status == 200


def test_a_restricted_key_reads_what_it_names_and_is_told_what_it_lacks() -> None:
    body = orjson.dumps({"account": ACME, "permissions": ["charge", "invoice"]})
    made = ask(SERVED, "/_simulator/keys", method="POST", key="", body=body)
    key = orjson.loads(made.body)["key"]
    assert key.startswith("rk_test_")
    assert ask(SERVED, "/v1/charges", key=key).status == 200
    assert ask(SERVED, "/v1/refunds", key=key).status == 200
    assert ask(SERVED, "/v1/invoices/in_1/lines", key=key).status == 200
    answer = ask(SERVED, "/v1/customers", key=key)
    assert answer.status == 403
    message = orjson.loads(answer.body)["error"]["message"]
    assert "does not have the required permissions for this endpoint" in message
    assert "Having the 'rak_customer_read' permission would allow this request" in message


def test_a_key_for_a_permission_that_does_not_exist_is_not_made() -> None:
    body = orjson.dumps({"account": ACME, "permissions": ["charges"]})
    answer = ask(SERVED, "/_simulator/keys", method="POST", key="", body=body)
    assert answer.status == 400
    assert b"charge, coupon" in answer.body


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_nothing_can_be_written(method: str) -> None:
    answer = ask(SERVED, "/v1/charges", method=method)
    assert answer.status == 404
    assert b"Unrecognized request URL" in answer.body


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_no_endpoint_answers_without_its_permission(endpoint) -> None:  # type: ignore[no-untyped-def]
    others = {each.permission for each in ENDPOINTS} - {endpoint.permission}
    credential = SERVED.credentials.add_restricted_key(ACME, frozenset(others))
    path = endpoint.path.replace("{id}", ACME if endpoint.kind == "account" else "x")
    answer = ask(SERVED, path, key=credential.secret)
    assert answer.status == 403
    assert f"rak_{endpoint.permission}_read".encode() in answer.body
