"""Webhooks: who gets which event, the signature, and the retries."""

import asyncio
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import orjson
import pytest
import stripe

from stripe_simulator.server import Simulator
from stripe_simulator.store import ObjectStore
from stripe_simulator.webhooks import LIVE_RETRIES, SANDBOX_RETRIES, Webhooks, post
from stripe_simulator.wire.clock import VirtualClock
from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.handmade import ACME, NOW, OTHER, ask

URL = "http://127.0.0.1:9/hook"


class Receiver:
    """Answers as it is told, and keeps what it got."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[bytes, dict[str, str]]] = []

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        assert url == URL
        self.got.append((body, headers))
        return self.statuses.pop(0) if self.statuses else 200


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW)


@pytest.fixture
def filled() -> ObjectStore:
    return handmade.store()


@pytest.fixture
def served(filled: ObjectStore, clock: VirtualClock) -> Simulator:
    simulator = handmade.simulator(filled, clock, webhook_url=URL)
    simulator.credentials.connected.add(ACME)
    return simulator


def receive(served: Simulator, receiver: Receiver) -> Webhooks:
    served.webhooks._send = receiver
    return served.webhooks


def deliver(webhooks: Webhooks) -> int:
    return asyncio.run(webhooks.deliver_due())


def test_the_sdk_accepts_the_signature_and_no_other_body(
    served: Simulator, filled: ObjectStore
) -> None:
    receiver = Receiver()
    webhooks = receive(served, receiver)
    filled.put(ACME, handmade.event(77, NOW, "customer.created"))
    assert deliver(webhooks) == 1
    body, headers = receiver.got[0]
    event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], served.webhook_secret)
    assert event["id"] == "evt_77"
    assert event["account"] == ACME
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(
            body + b" ", headers["Stripe-Signature"], served.webhook_secret
        )


def test_only_accounts_that_let_the_platform_in_and_only_wanted_types(
    served: Simulator, filled: ObjectStore
) -> None:
    receiver = Receiver()
    webhooks = receive(served, receiver)
    assert webhooks.target is not None
    webhooks.target.events = ("customer.*",)
    filled.put(OTHER, handmade.event(1, NOW, "customer.created"))
    filled.put(ACME, handmade.event(2, NOW, "invoice.paid"))
    filled.put(ACME, handmade.event(3, NOW, "customer.updated"))
    deliver(webhooks)
    assert [orjson.loads(body)["id"] for body, _ in receiver.got] == ["evt_3"]


def test_a_refused_event_is_tried_again_later_and_given_up_in_the_end(
    served: Simulator, filled: ObjectStore, clock: VirtualClock
) -> None:
    receiver = Receiver(*[500] * 10)
    webhooks = receive(served, receiver)
    filled.put(ACME, handmade.event(5, NOW))
    assert deliver(webhooks) == 1
    for pause in SANDBOX_RETRIES:
        clock.advance_to(clock.now() + pause - 1)
        assert deliver(webhooks) == 0
        clock.advance_to(clock.now() + 1)
        assert deliver(webhooks) == 1
    clock.advance_to(clock.now() + 30 * 86_400)
    assert deliver(webhooks) == 0
    assert webhooks.deliveries()[0]["state"] == "failed"
    assert webhooks.deliveries()[0]["statuses"] == [500] * 4


def test_a_recovered_receiver_gets_the_event_once(
    served: Simulator, filled: ObjectStore, clock: VirtualClock
) -> None:
    receiver = Receiver(0, 200)
    webhooks = receive(served, receiver)
    filled.put(ACME, handmade.event(6, NOW))
    deliver(webhooks)
    clock.advance_to(NOW + 86_400)
    assert deliver(webhooks) == 1
    assert deliver(webhooks) == 0
    assert webhooks.deliveries()[0]["statuses"] == [0, 200]


def test_live_retries_last_about_three_days() -> None:
    assert 2.9 * 86_400 < sum(LIVE_RETRIES) < 3.5 * 86_400


def test_the_platform_hears_that_access_was_taken_away(served: Simulator) -> None:
    receiver = Receiver()
    webhooks = receive(served, receiver)
    ask(
        served,
        "/_simulator/revoke",
        method="POST",
        key="",
        body=orjson.dumps({"account": ACME}),
    )
    deliver(webhooks)
    event: dict[str, Any] = orjson.loads(receiver.got[0][0])
    assert event["type"] == "account.application.deauthorized"
    assert event["account"] == ACME


@pytest.mark.parametrize("url", ["https://example.com/hook", "http://10.0.0.1/hook", "nonsense"])
def test_the_simulator_talks_to_this_machine_only(url: str) -> None:
    served = handmade.simulator()
    answer = ask(
        served,
        "/_simulator/webhooks",
        method="POST",
        key="",
        body=orjson.dumps({"url": url}),
    )
    assert answer.status == 400
    assert b"loopback" in answer.body


class Hook(BaseHTTPRequestHandler):
    """A receiver on a socket: refuses the first attempt, then verifies and accepts."""

    secret = ""
    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = stripe.Webhook.construct_event(body, self.headers["Stripe-Signature"], self.secret)
        self.seen.append(f"{self.path} {event['id']}")
        self.send_response(503 if len(self.seen) == 1 else 204)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


def test_over_a_socket_a_refused_event_comes_again_when_its_time_is_there(
    filled: ObjectStore, clock: VirtualClock
) -> None:
    with HTTPServer(("127.0.0.1", 0), Hook) as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{receiver.server_port}/hook?a=1"
        served = handmade.simulator(filled, clock, webhook_url=url)
        served.credentials.installed.add(ACME)
        Hook.secret = served.webhook_secret
        try:
            asyncio.run(send_twice(served, filled, clock))
        finally:
            receiver.shutdown()
            thread.join()
    assert Hook.seen == ["/hook?a=1 evt_9", "/hook?a=1 evt_9"]


async def send_twice(served: Simulator, filled: ObjectStore, clock: VirtualClock) -> None:
    """Let the sender run until the event has been delivered."""
    stop = asyncio.Event()
    running = asyncio.create_task(served.webhooks.run(stop, pause=0.01))
    filled.put(ACME, handmade.event(9, NOW))
    async with asyncio.timeout(10):
        while not served.webhooks.deliveries() or not served.webhooks.deliveries()[0]["statuses"]:
            await asyncio.sleep(0.01)
        clock.advance_to(NOW + SANDBOX_RETRIES[0])
        while served.webhooks.deliveries()[0]["state"] != "delivered":
            await asyncio.sleep(0.01)
        stop.set()
        await running
    assert served.webhooks.deliveries()[0]["statuses"] == [503, 204]


def test_nobody_there_is_an_attempt_without_a_status() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/", b"{}", {}) == 0
