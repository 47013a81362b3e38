"""Faults: scripted, seeded, and as a client on a socket meets them."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx
import orjson
import pytest

from stripe_simulator.server import Simulator
from stripe_simulator.wire.faults import STORM, Faults, LateEvents, Latency
from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.handmade import ACME, NOW, ask
from tests.stripe_simulator.wire.live import listening


def script(served: Simulator, *faults: dict[str, Any], status: int = 200) -> dict[str, Any]:
    body = orjson.dumps(faults if len(faults) > 1 else faults[0])
    answer = ask(served, "/_simulator/faults", method="POST", key="", body=body)
    assert answer.status == status, answer.body
    parsed: dict[str, Any] = orjson.loads(answer.body)
    return parsed


def statuses(served: Simulator, path: str, count: int) -> list[int]:
    return [ask(served, path).status for _ in range(count)]


def test_a_fault_hits_the_requests_that_it_names_and_no_other() -> None:
    served = handmade.simulator()
    script(served, {"kind": "error", "status": 503, "path": "/v1/charges", "after": 1, "times": 2})
    assert statuses(served, "/v1/refunds", 3) == [200, 200, 200]
    assert statuses(served, "/v1/charges", 5) == [200, 503, 503, 200, 200]
    shown = orjson.loads(ask(served, "/_simulator/faults", key="").body)
    assert shown["scripted"][0]["hits"] == 2


def test_faults_can_be_taken_back() -> None:
    served = handmade.simulator()
    script(served, {"kind": "error", "times": 100})
    assert statuses(served, "/v1/charges", 1) == [500]
    ask(served, "/_simulator/faults", method="DELETE", key="")
    assert statuses(served, "/v1/charges", 1) == [200]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "conflict"}, 409, None),
        ({"kind": "lock_timeout"}, 429, "lock_timeout"),
        ({"kind": "rate_limit", "reason": "resource-specific"}, 429, "rate_limit"),
    ],
)
def test_errors_in_stripes_words(fault: dict[str, Any], status: int, code: str | None) -> None:
    served = handmade.simulator()
    script(served, fault)
    answer = ask(served, "/v1/charges")
    assert answer.status == status
    assert orjson.loads(answer.body)["error"].get("code") == code
    reason = answer.headers.get("Stripe-Rate-Limited-Reason")
    assert reason == fault.get("reason")


def test_an_object_can_vanish_between_two_pages() -> None:
    served = handmade.simulator()
    script(served, {"kind": "delete", "path": "/v1/customers"})
    first = orjson.loads(ask(served, "/v1/customers?limit=1").body)
    cursor = first["data"][-1]["id"]
    answer = ask(served, f"/v1/customers?limit=1&starting_after={cursor}")
    assert answer.status == 400
    assert orjson.loads(answer.body)["error"]["code"] == "resource_missing"
    assert orjson.loads(ask(served, f"/v1/customers/{cursor}").body)["deleted"] is True


def test_a_page_can_be_too_long_until_it_is_halved() -> None:
    served = handmade.simulator()
    script(served, {"kind": "overflow", "most": 50, "times": 100})
    answer = ask(served, "/v1/charges?limit=100")
    assert answer.status == 200
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(answer.body)
    assert len(orjson.loads(ask(served, "/v1/charges?limit=50").body)["data"]) == 50


def test_access_can_go_in_the_middle_of_a_sync() -> None:
    served = handmade.simulator()
    served.credentials.connected.add(ACME)
    platform = served.credentials.platform.secret
    script(served, {"kind": "revoke", "after": 2})
    got = [ask(served, "/v1/charges", key=platform, stripe_account=ACME).status for _ in range(4)]
    assert got == [200, 200, 403, 403]


def test_late_events_come_in_the_end_and_in_their_place() -> None:
    filled = handmade.store()
    for number in range(100, 200):
        filled.put(ACME, handmade.event(number, NOW - 5))
    served = handmade.simulator(filled)
    window = f"/v1/events?limit=100&created[gte]={NOW - 10}"
    everything = orjson.loads(ask(served, window).body)["data"]
    script(served, {"late_events": {"share": 0.5, "most_seconds": 40}})
    early = orjson.loads(ask(served, window).body)["data"]
    assert 20 < len(early) < 80
    body = orjson.dumps({"seconds": 40})
    ask(served, "/_simulator/advance", method="POST", key="", body=body)
    assert orjson.loads(ask(served, window).body)["data"] == everything


def test_lateness_is_the_events_own_and_within_its_bound() -> None:
    late = LateEvents(share=0.3, most_seconds=7, seed=3)
    drawn = [late.seconds_of(f"evt_{number}") for number in range(5000)]
    assert drawn == [late.seconds_of(f"evt_{number}") for number in range(5000)]
    assert set(drawn) == set(range(8))
    assert 0.27 < sum(seconds > 0 for seconds in drawn) / 5000 < 0.33


def test_a_storm_is_the_same_for_the_same_seed() -> None:
    def kinds(seed: int) -> list[str | None]:
        faults = Faults(seed, storm=0.2)
        drawn = [faults.draw("/v1/charges", ACME) for _ in range(2000)]
        return [None if fault is None else fault.kind for fault in drawn]

    assert kinds(1) == kinds(1)
    assert kinds(1) != kinds(2)
    counted = Counter(kinds(1))
    assert set(counted) == {None, *STORM}
    assert 1500 < counted[None] < 1700


def test_latency_is_spread_around_its_median() -> None:
    faults = Faults(1, latency=Latency(median_ms=100, spread=0.5))
    drawn = sorted(faults.delay() for _ in range(4001))
    assert 0.09 < drawn[2000] < 0.11
    assert 0.25 < drawn[int(4001 * 0.99)] < 0.42


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "explode"},
        {"kind": "error", "colour": "red"},
        {"storms": 1},
        {"limits": "none"},
        {"kind": "truncate", "share": 1.5},
        {"kind": "rate_limit", "reason": "mood"},
    ],
)
def test_a_fault_that_cannot_be_is_refused(fault: dict[str, Any]) -> None:
    assert "error" in script(handmade.simulator(), fault, status=400)


def test_a_client_meets_a_cut_a_truncation_and_a_stall() -> None:
    served = handmade.simulator()
    key = served.credentials.account_key(ACME)
    with listening(served) as url, httpx.Client(base_url=url, auth=(key, "")) as client:
        script(served, {"kind": "cut"}, {"kind": "truncate", "share": 0.3, "after": 1})
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/v1/charges")
        with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
            client.get("/v1/charges?limit=100")
        assert client.get("/v1/charges").status_code == 200
        script(served, {"kind": "stall", "seconds": 0.4})
        with pytest.raises(httpx.ReadTimeout):
            client.get("/v1/charges", timeout=0.1)
        began = time.perf_counter()
        script(served, {"latency": {"median_ms": 150, "spread": 0}})
        assert client.get("/v1/charges").status_code == 200
        assert time.perf_counter() - began >= 0.15


def test_requests_that_wait_count_as_running() -> None:
    served = handmade.simulator(limits="live", latency=Latency(median_ms=300, spread=0))
    key = served.credentials.account_key(ACME)

    async def at_once(url: str, count: int) -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=count)
        async with httpx.AsyncClient(base_url=url, auth=(key, ""), limits=limits) as client:
            return await asyncio.gather(*(client.get("/v1/charges") for _ in range(count)))

    with listening(served) as url:
        answers = asyncio.run(at_once(url, 30))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 5
    reasons = {answer.headers["Stripe-Rate-Limited-Reason"] for answer in refused}
    assert reasons == {"endpoint-concurrency"}
