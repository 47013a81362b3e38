"""The official SDK reads the simulator as it would read Stripe."""

from collections.abc import Iterator

import pytest
import stripe

from stripe_simulator.server import Simulator
from stripe_simulator.wire.app import API_VERSION
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
