"""Deleting as the account's owner would: events follow, and the ledger knows."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from stripe_simulator.server import Simulator
from tests.stripe_simulator.conformance import DAY, START, every, get, simulate
from tests.stripe_simulator.wire.handmade import ask

DAYS = 300
TODAY = datetime.fromtimestamp(START + DAYS * DAY, UTC).date().isoformat()


@pytest.fixture
def served() -> Simulator:
    return simulate("tiny", 1, days=DAYS)


def truth(served: Simulator, account_id: str) -> dict[str, Any]:
    answer = get(served, account_id, "/_simulator/truth", f"account={account_id}&day={TODAY}")
    metrics: dict[str, Any] = answer["days"][TODAY]["usd"]
    return metrics


def test_a_customer_deleted_between_two_pages_is_gone_in_truth(served: Simulator) -> None:
    account_id = served.accounts[0].id
    customers = [each["id"] for each in every(served, account_id, "/v1/customers")]
    before = truth(served, account_id)
    body = orjson.dumps({"kind": "delete", "path": "/v1/customers"})
    ask(served, "/_simulator/faults", method="POST", key="", body=body)
    page = get(served, account_id, "/v1/customers", "limit=3")
    cursor = page["data"][-1]["id"]
    answer = ask(served, f"/v1/customers?starting_after={cursor}", account=account_id)
    assert answer.status == 400
    left = [each["id"] for each in every(served, account_id, "/v1/customers")]
    assert left == [each for each in customers if each != cursor]
    assert get(served, account_id, f"/v1/customers/{cursor}")["deleted"] is True
    newest = get(served, account_id, "/v1/events", "type=customer.deleted&limit=1")["data"][0]
    assert newest["data"]["object"]["id"] == cursor
    assert truth(served, account_id)["customer_count"] == before["customer_count"] - 1


def test_deleting_a_paying_customer_is_churn(served: Simulator) -> None:
    account_id = served.accounts[0].id
    before = truth(served, account_id)
    active = get(served, account_id, "/v1/subscriptions", "status=active&limit=1")["data"][0]
    body = {"account": account_id, "type": "customer", "id": active["customer"]}
    answer = ask(served, "/_simulator/delete", method="POST", key="", body=orjson.dumps(body))
    assert orjson.loads(answer.body)["in_truth"] is True
    after = truth(served, account_id)
    assert after["active_subscriptions"] < before["active_subscriptions"]
    assert after["churned_subscribers"] == before["churned_subscribers"] + 1
    canceled = get(served, account_id, f"/v1/subscriptions/{active['id']}")
    assert canceled["status"] == "canceled"


def test_anything_else_is_only_no_longer_served(served: Simulator) -> None:
    account_id = served.accounts[0].id
    charge = get(served, account_id, "/v1/charges", "limit=1")["data"][0]
    body = {"account": account_id, "type": "charge", "id": charge["id"]}
    answer = ask(served, "/_simulator/delete", method="POST", key="", body=orjson.dumps(body))
    assert orjson.loads(answer.body)["in_truth"] is False
    again = ask(served, "/_simulator/delete", method="POST", key="", body=orjson.dumps(body))
    assert again.status == 400
