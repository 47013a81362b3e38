"""The official SDK reads the simulator as it would read Stripe."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import stripe

from stripe_simulator.server import Simulator
from stripe_simulator.wire.app import API_VERSION
from tests.stripe_simulator.conformance import simulate
from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.live import listening


@pytest.fixture(scope="module")
def served() -> Simulator:
    """The handmade world."""
    return handmade.simulator()


@pytest.fixture(scope="module")
def url(served: Simulator) -> Iterator[str]:
    """Its address."""
    with listening(served) as base:
        yield base


def client(url: str, key: str, account: str | None = None) -> stripe.StripeClient:
    """A client of the simulator."""
    return stripe.StripeClient(
        key,
        stripe_account=account,
        stripe_version=API_VERSION,
        base_addresses={"api": url, "connect": url},
    )


def test_auto_paging_reads_every_charge_once_newest_first(url: str, served: Simulator) -> None:
    reader = client(url, served.credentials.account_key(handmade.ACME))
    ids = [charge.id for charge in reader.v1.charges.list({"limit": 100}).auto_paging_iter()]
    assert ids == [f"ch_{number:04}" for number in range(250, 0, -1)]


def test_nested_lists_page_on(url: str, served: Simulator) -> None:
    reader = client(url, served.credentials.account_key(handmade.ACME))
    invoice = reader.v1.invoices.retrieve("in_1")
    assert len(invoice.lines.data) == 10
    assert invoice.lines.has_more
    lines = reader.v1.invoices.line_items.list("in_1", {"limit": 7})
    assert [line.id for line in lines.auto_paging_iter()] == [f"il_1_{n}" for n in range(25)]


def test_a_missing_object_is_the_sdks_invalid_request(url: str, served: Simulator) -> None:
    reader = client(url, served.credentials.account_key(handmade.ACME))
    with pytest.raises(stripe.InvalidRequestError) as raised:
        reader.v1.charges.retrieve("ch_none")
    assert raised.value.code == "resource_missing"
    assert raised.value.http_status == 404
    assert raised.value.request_id.startswith("req_")


def test_a_wrong_key_is_the_sdks_authentication_error(url: str) -> None:
    with pytest.raises(stripe.AuthenticationError):
        client(url, "sk_test_wrong_wrong_wrong").v1.charges.list()


def test_a_platform_reads_no_account_that_is_not_connected(url: str, served: Simulator) -> None:
    platform = client(url, served.credentials.platform.secret, handmade.ACME)
    with pytest.raises(stripe.PermissionError) as raised:
        platform.v1.charges.list()
    assert raised.value.json_body["error"]["code"] == "account_invalid"


def consent(url: str, **changes: str) -> str:
    """Approve the platform as a person would; gives the code."""
    query = {
        "response_type": "code",
        "scope": "read_only",
        "client_id": "ca_simulator",
        "redirect_uri": "http://127.0.0.1:9/callback",
        "state": "s",
        **changes,
    }
    form = {"action": "approve", "account": handmade.ACME}
    answer = httpx.post(f"{url}/oauth/authorize", params=query, data=form)
    assert answer.status_code == 302
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def test_the_sdk_connects_reads_and_disconnects(url: str, served: Simulator) -> None:
    platform = client(url, served.credentials.platform.secret)
    tokens = platform.oauth.token({"grant_type": "authorization_code", "code": consent(url)})
    assert tokens.stripe_user_id == handmade.ACME
    connected = client(url, served.credentials.platform.secret, handmade.ACME)
    assert connected.v1.charges.list({"limit": 1}).data[0].id == "ch_0250"
    gone = platform.oauth.deauthorize(
        {"client_id": "ca_simulator", "stripe_user_id": handmade.ACME}
    )
    assert gone.stripe_user_id == handmade.ACME
    with pytest.raises(stripe.PermissionError):
        connected.v1.charges.list()


def test_a_code_used_twice_is_the_sdks_invalid_grant(url: str, served: Simulator) -> None:
    platform = client(url, served.credentials.platform.secret)
    code = consent(url)
    platform.oauth.token({"grant_type": "authorization_code", "code": code})
    with pytest.raises(stripe.oauth_error.InvalidGrantError):
        platform.oauth.token({"grant_type": "authorization_code", "code": code})


def test_raw_requests_of_the_sdk_carry_arrays_and_windows(url: str, served: Simulator) -> None:
    reader = client(url, served.credentials.account_key(handmade.ACME))
    window = {"gte": handmade.NOW - 1000, "lt": handmade.NOW - 999}
    answer = reader.raw_request(
        "get", "/v1/charges", created=window, limit=100, expand=["data.customer"]
    )
    page = json.loads(answer.body)
    assert [each["id"] for each in page["data"]] == ["ch_0002", "ch_0001"]
    assert page["data"][0]["customer"]["object"] == "customer"


def test_every_list_of_the_sdk_reads_a_whole_tiny_world() -> None:
    simulator = simulate("tiny", 3, days=120)
    account_id = simulator.accounts[0].id
    with listening(simulator) as base:
        api = client(base, simulator.credentials.account_key(account_id)).v1
        services = {
            "balance_transaction": api.balance_transactions,
            "charge": api.charges,
            "coupon": api.coupons,
            "customer": api.customers,
            "dispute": api.disputes,
            "event": api.events,
            "invoice": api.invoices,
            "invoice_payment": api.invoice_payments,
            "payment_intent": api.payment_intents,
            "product": api.products,
            "refund": api.refunds,
        }
        for kind, service in services.items():
            read = [each.id for each in service.list({"limit": 50}).auto_paging_iter()]
            stored = [each["id"] for each in simulator.store.scan(account_id, kind)]
            assert read == stored[::-1], kind
