"""Stripe and the network misbehave; what is read is right, or the account fails and says why."""

import random
from collections.abc import Callable

import orjson
import pytest

from dlt_sources.stripe import load_extraction
from tests.dlt_sources.faulty import Fault, faulty_stripe
from tests.dlt_sources.rig import Rig

pytestmark = pytest.mark.e2e


def error(status: int, headers: dict[str, str] | None = None, **fields: str) -> Fault:
    dated = {"Date": "Fri, 20 Nov 2026 12:00:00 GMT", **(headers or {})}
    return status, dated, orjson.dumps({"error": fields})


def too_fast(reason: str) -> Fault:
    return error(429, {"Stripe-Rate-Limited-Reason": reason}, type="rate_limit_error")


CURABLE: list[Fault] = [
    too_fast("global-rate"),
    too_fast("endpoint-rate"),
    too_fast("global-concurrency"),
    too_fast("endpoint-concurrency"),
    error(429, type="invalid_request_error", code="lock_timeout"),
    error(409),
    error(500),
    error(503),
    "cut",
    "garbage",
    "hang up",
]


def sometimes(seed: int, share: float) -> Callable[[str, int], Fault | None]:
    """Return faults at random, but never so many of one path that the budget runs out."""
    chance = random.Random(seed)

    def fault(path: str, n: int) -> Fault | None:
        return chance.choice(CURABLE) if chance.random() < share else None

    return fault


@pytest.mark.parametrize("seed", [1, 2])
def test_curable_faults_lose_nothing(rig: Rig, seed: int) -> None:
    with faulty_stripe(rig.simulator.url, sometimes(seed, 0.25)) as faulty:
        rig.api_base = faulty.url
        extraction, _ = rig.sync()
        assert {outcome.error for outcome in extraction.outcomes.values()} == {None}
        assert rig.differences() == []
        rig.simulator.advance(days=2)
        rig.sync()
        assert rig.differences() == []


def test_a_page_that_always_arrives_cut_is_asked_for_in_smaller_pages(rig: Rig) -> None:
    with faulty_stripe(rig.simulator.url, lambda path, n: None) as faulty:

        def fault(path: str, n: int) -> Fault | None:
            large = path == "/v1/invoices" and "limit=100" in faulty.queries[-1]
            return "garbage" if large else None

        faulty.fault = fault
        rig.api_base = faulty.url
        rig.sync()
        assert any("limit=50" in query for query in faulty.queries)
    assert rig.differences() == []


def test_a_fault_that_lasts_fails_the_account_clearly_and_leaves_nothing(rig: Rig) -> None:
    down = error(500, message="sk_live_abcdefgh is not told")
    with faulty_stripe(
        rig.simulator.url, lambda path, n: down if path == "/v1/invoices" else None
    ) as faulty:
        rig.api_base = faulty.url
        extraction = rig.extract()
    (outcome,) = extraction.outcomes.values()
    assert outcome.status == "failed"
    assert outcome.error == "/v1/invoices: HTTP 500, after 8 tries"
    assert outcome.rows == {}
    load_extraction(extraction, warehouse=rig.warehouse)
    assert not rig.warehouse.exists()
    assert rig.cursors() == {}


def test_a_missing_permission_is_named_and_not_skipped(rig: Rig) -> None:
    denied = error(403, message="The key 'rk_live_********abcd' lacks rak_invoice_read")
    with faulty_stripe(
        rig.simulator.url, lambda path, n: denied if path == "/v1/invoices" else None
    ) as faulty:
        rig.api_base = faulty.url
        (outcome,) = rig.extract().outcomes.values()
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert "/v1/invoices" in outcome.error
    assert "rak_invoice_read" in outcome.error
    assert "rk_live" not in outcome.error


@pytest.mark.parametrize(
    "refusal",
    [
        error(401, message="Invalid API Key provided: sk_test_51xguYNBKQf8d3MPocDC"),
        error(403, code="account_invalid", message="access may have been revoked"),
    ],
)
def test_a_refusal_for_good_is_a_revocation(rig: Rig, refusal: Fault) -> None:
    rig.sync()
    before = rig.rows()
    with faulty_stripe(rig.simulator.url, lambda path, n: refusal) as faulty:
        rig.api_base = faulty.url
        extraction, _ = rig.sync()
    (outcome,) = extraction.outcomes.values()
    assert outcome.status == "revoked"
    assert outcome.error is not None and "sk_test" not in outcome.error
    assert rig.rows() == before, "its data stay"


def test_a_401_is_tried_once_more_with_new_headers(rig: Rig) -> None:
    expired = error(401, message="expired")
    with faulty_stripe(rig.simulator.url, lambda path, n: expired if n == 0 else None) as faulty:
        rig.api_base = faulty.url
        (outcome,) = rig.extract().outcomes.values()
    assert outcome.status == "ok"


def test_an_object_deleted_between_two_pages_restarts_its_part(rig: Rig) -> None:
    gone = error(400, code="resource_missing", param="starting_after", message="No such charge")
    hits = []
    with faulty_stripe(rig.simulator.url, lambda path, n: None) as faulty:

        def fault(path: str, n: int) -> Fault | None:
            if "starting_after" in faulty.queries[-1] and path == "/v1/charges" and not hits:
                hits.append(path)
                return gone
            return None

        faulty.fault = fault
        rig.api_base = faulty.url
        rig.sync()
    assert hits
    assert rig.differences() == []
