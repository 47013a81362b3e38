"""Signed webhooks to one configured address, retried as Stripe retries them.

What belongs here: which events are sent, signatures, attempts and when the next one is due. The
events themselves come from the world, through the store.

Due times are virtual, so that a test can walk through three days of retries. The timestamp in a
signature is the machine's: a receiver compares it with its own clock.
"""

import asyncio
import hashlib
import hmac
import http.client
import ipaddress
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

import orjson

from stripe_simulator.store import ObjectStore
from stripe_simulator.wire.auth import PLATFORM_CLIENT_ID, Credentials
from stripe_simulator.wire.clock import VirtualClock
from stripe_simulator.wire.related import Lookup, Related
from stripe_simulator.wire.rendering import render

MINUTE = 60
HOUR = 3600
# Seconds from one attempt to the next: three days in all for live events, hours for a sandbox.
LIVE_RETRIES = (5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, *[12 * HOUR] * 5)
SANDBOX_RETRIES = (5 * MINUTE, 30 * MINUTE, 2 * HOUR)
TIMEOUT_SECONDS = 10.0
KEPT_DELIVERIES = 10_000

Send = Callable[[str, bytes, dict[str, str]], int]


class WebhookError(ValueError):
    """A webhook address that cannot be used; the message says why."""


@dataclass(slots=True)
class Delivery:
    """One event on its way: attempts made, and when the next one is due."""

    event_id: str
    event_type: str
    body: bytes
    due_at: int
    statuses: list[int] = field(default_factory=list)
    state: str = "pending"

    def describe(self) -> dict[str, Any]:
        """As the control API shows it."""
        return {
            "event": self.event_id,
            "type": self.event_type,
            "state": self.state,
            "statuses": self.statuses,
            "due_at": self.due_at if self.state == "pending" else None,
        }


@dataclass
class Target:
    """Where events go, and which."""

    url: str
    events: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        """Refuse what is not on this machine: the simulator talks to nobody else.

        Raises:
            WebhookError: If the address is not loopback HTTP.
        """
        parts = urlsplit(self.url)
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if parts.scheme != "http" or not loopback:
            raise WebhookError(f"{self.url!r}: give a loopback address, http://127.0.0.1:…/…")

    def wants(self, event_type: str) -> bool:
        """Whether an event of this type is to be sent."""
        return any(fnmatchcase(event_type, pattern) for pattern in self.events)


def signature(secret: str, body: bytes, timestamp: int) -> str:
    """The ``Stripe-Signature`` header of a body."""
    signed = hmac.new(secret.encode(), b"%d.%b" % (timestamp, body), hashlib.sha256)
    return f"t={timestamp},v1={signed.hexdigest()}"


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Send one request; the status of the answer, or 0 when there was none."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS
    )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


class Webhooks:
    """The sender: takes events, tries, and tries again."""

    def __init__(
        self,
        store: ObjectStore,
        credentials: Credentials,
        clock: VirtualClock,
        secret: str,
        tick: Callable[[], None],
        send: Send = post,
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._secret = secret
        self._tick = tick
        self._send = send
        self._retries = LIVE_RETRIES if credentials.livemode else SANDBOX_RETRIES
        self._pending: list[Delivery] = []
        self._finished: deque[Delivery] = deque(maxlen=KEPT_DELIVERIES)
        self._sent_deauthorizations = 0
        self.target: Target | None = None

    def offer(self, account_id: str, event: dict[str, Any]) -> None:
        """Queue an event of an account, if somebody wants it and may have it."""
        if self.target is None or not self.target.wants(event["type"]):
            return
        if not self._credentials.grants_access(account_id):
            return
        lookup = Lookup(self._store, Related(self._store), account_id)
        payload = {**render(event, {}, lookup), "account": account_id}
        self._queue(payload)

    def deauthorized(self, account_id: str) -> None:
        """Tell the platform that an account's owner has taken access away."""
        self._sent_deauthorizations += 1
        event_type = "account.application.deauthorized"
        if self.target is None or not self.target.wants(event_type):
            return
        self._queue(
            {
                "id": f"evt_deauthorized{self._sent_deauthorizations:08}",
                "object": "event",
                "account": account_id,
                "api_version": None,
                "created": self._clock.now(),
                "data": {
                    "object": {
                        "id": PLATFORM_CLIENT_ID,
                        "object": "application",
                        "name": "Simulated platform",
                    }
                },
                "livemode": self._credentials.livemode,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": event_type,
            }
        )

    def _queue(self, payload: dict[str, Any]) -> None:
        """Send it as soon as possible."""
        self._pending.append(
            Delivery(payload["id"], payload["type"], orjson.dumps(payload), self._clock.now())
        )

    def deliveries(self) -> list[dict[str, Any]]:
        """Everything sent or waiting, oldest first."""
        return [each.describe() for each in (*self._finished, *self._pending)]

    async def deliver_due(self) -> int:
        """Make every attempt that is due; returns how many were made."""
        now = self._clock.now()
        due = [delivery for delivery in self._pending if delivery.due_at <= now]
        for delivery in due:
            await self._attempt(delivery)
        self._pending = [each for each in self._pending if each.state == "pending"]
        return len(due)

    async def _attempt(self, delivery: Delivery) -> None:
        """One attempt, and what follows from its answer."""
        if self.target is None:
            return
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(self._secret, delivery.body, int(time.time())),
            "User-Agent": "Stripe/1.0 (simulated)",
        }
        status = await asyncio.to_thread(self._send, self.target.url, delivery.body, headers)
        delivery.statuses.append(status)
        if 200 <= status < 300:
            delivery.state = "delivered"
        elif len(delivery.statuses) > len(self._retries):
            delivery.state = "failed"
        else:
            delivery.due_at = self._clock.now() + self._retries[len(delivery.statuses) - 1]
        if delivery.state != "pending":
            self._finished.append(delivery)

    async def run(self, stop: asyncio.Event, pause: float = 0.2) -> None:
        """Send what becomes due until `stop` is set; the world moves on meanwhile."""
        while not stop.is_set():
            if self.target is not None:
                self._tick()
                await self.deliver_due()
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue
