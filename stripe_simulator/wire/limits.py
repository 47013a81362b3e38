"""Rate and concurrency limits, as Stripe applies them to live and sandbox keys.

What belongs here: counting requests per account and endpoint. Time is the machine's, not the
virtual one: a limit is about load, and virtual time may stand still.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from stripe_simulator.wire import errors


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second per account, in all and for one endpoint, and requests at once."""

    per_second: int
    per_endpoint: int
    concurrent: int
    concurrent_per_endpoint: int
    livemode: bool


MODES: dict[str, Limits | None] = {
    "live": Limits(100, 25, 100, 25, livemode=True),
    "sandbox": Limits(25, 25, 25, 25, livemode=False),
    "off": None,
}


@dataclass(slots=True)
class Bucket:
    """A token bucket that holds one second's worth of requests."""

    capacity: float
    tokens: float
    filled_at: float

    def take(self, now: float) -> bool:
        """Use one token, if there is one."""
        self.tokens = min(self.capacity, self.tokens + (now - self.filled_at) * self.capacity)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Limiter:
    """Admits requests or refuses them with a 429 that says which limit was met."""

    limits: Limits | None = None
    machine: Callable[[], float] = time.monotonic
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)
    _running: dict[tuple[str, str], int] = field(default_factory=dict)

    def admit(self, account_id: str, template: str) -> None:
        """Count one request of an account to an endpoint.

        Raises:
            StripeError: 429 with ``Stripe-Rate-Limited-Reason``.
        """
        limits = self.limits
        if limits is None:
            return
        if self._running.get((account_id, ""), 0) >= limits.concurrent:
            raise errors.rate_limited("global-concurrency", limits.livemode)
        if self._running.get((account_id, template), 0) >= limits.concurrent_per_endpoint:
            raise errors.rate_limited("endpoint-concurrency", limits.livemode)
        now = self.machine()
        if not self._bucket(account_id, "", limits.per_second, now).take(now):
            raise errors.rate_limited("global-rate", limits.livemode)
        if not self._bucket(account_id, template, limits.per_endpoint, now).take(now):
            raise errors.rate_limited("endpoint-rate", limits.livemode)

    def _bucket(self, account_id: str, scope: str, capacity: int, now: float) -> Bucket:
        """The bucket of one scope, full when it is first needed."""
        bucket = self._buckets.get((account_id, scope))
        if bucket is None or bucket.capacity != capacity:
            bucket = self._buckets[account_id, scope] = Bucket(capacity, capacity, now)
        return bucket

    def started(self, account_id: str, template: str) -> None:
        """A request that takes time is under way."""
        for scope in ("", template):
            self._running[account_id, scope] = self._running.get((account_id, scope), 0) + 1

    def finished(self, account_id: str, template: str) -> None:
        """It was answered."""
        for scope in ("", template):
            self._running[account_id, scope] -= 1
