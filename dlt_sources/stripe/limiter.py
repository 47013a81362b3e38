"""How fast one account may be read: paces per endpoint and in all, and a concurrency cap.

Pure timing belongs here: no HTTP, no threads of its own. `docs/stripe.md` has the limits.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

MARGIN = 0.98
"""Share of the allowed rate that is used: requests sent evenly do not arrive evenly."""


@dataclass(frozen=True)
class Limits:
    """Requests per second in all and per endpoint, and requests in flight."""

    overall: float
    per_endpoint: float
    concurrency: int
    per_endpoint_concurrency: int


LIVE = Limits(overall=100.0, per_endpoint=25.0, concurrency=40, per_endpoint_concurrency=12)
# A sandbox's limit is reached by a few requests in flight; more parts of a list would only mean
# more half-empty pages.
SANDBOX = Limits(overall=25.0, per_endpoint=25.0, concurrency=12, per_endpoint_concurrency=3)


class Pace:
    """One bucket without bursts: the n-th request goes at least n intervals after the first.

    A burst would be allowed by a token bucket and refused by a counter of whole seconds; which of
    them Stripe uses is not documented, and an even pace satisfies both.
    """

    def __init__(self, rate: float) -> None:
        self._ceiling = rate * MARGIN
        self.rate = self._ceiling
        self._next = float("-inf")

    def reserve(self, now: float) -> float:
        """Return the instant, at or after `now`, at which the caller's request may go."""
        at = max(now, self._next)
        self._next = at + 1.0 / self.rate
        return at

    def refused(self, now: float) -> None:
        """Stripe said this bucket is full: stop for a moment, then go on more slowly."""
        self.rate = max(self.rate * 0.7, self._ceiling * 0.05)
        self._next = max(self._next, now + 0.5)

    def accepted(self) -> None:
        """A request went through: recover, slowly, to the allowed rate."""
        self.rate = min(self._ceiling, self.rate + self._ceiling * 0.005)


class Limiter:
    """The paces of one account, shared by all threads that read it."""

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self.use(limits)

    def use(self, limits: Limits) -> None:
        """Start afresh with `limits` (the account turned out to be live, or a sandbox)."""
        with self._lock:
            self._limits = limits
            self._overall = Pace(limits.overall)
            self._endpoints: dict[str, Pace] = {}
            self.concurrency = limits.concurrency
            self._endpoint_concurrency: dict[str, int] = {}

    @property
    def limits(self) -> Limits:
        """The limits in use, before any adaptation."""
        return self._limits

    def endpoint_concurrency(self, endpoint: str) -> int:
        """Requests to `endpoint` that may be in flight now."""
        return self._endpoint_concurrency.get(endpoint, self._limits.per_endpoint_concurrency)

    def _pace(self, endpoint: str) -> Pace:
        return self._endpoints.setdefault(endpoint, Pace(self._limits.per_endpoint))

    def wait(self, endpoint: str) -> None:
        """Block until a request to `endpoint` may be sent.

        The endpoint's turn is awaited before one of the overall turns is taken: taking both at
        once would book overall turns far ahead for a busy endpoint while others stand idle.
        """
        with self._lock:
            at = self._pace(endpoint).reserve(self._clock())
        self._sleep_until(at)
        with self._lock:
            at = self._overall.reserve(self._clock())
        self._sleep_until(at)

    def _sleep_until(self, at: float) -> None:
        delay = at - self._clock()
        if delay > 0:
            self._sleep(delay)

    def accepted(self, endpoint: str) -> None:
        """Note a request that was not refused."""
        with self._lock:
            self._overall.accepted()
            self._pace(endpoint).accepted()
            if self.concurrency < self._limits.concurrency:
                self.concurrency += 1
            cap = self._endpoint_concurrency.get(endpoint)
            if cap is not None and cap < self._limits.per_endpoint_concurrency:
                self._endpoint_concurrency[endpoint] = cap + 1

    def refused(self, endpoint: str, reason: str | None) -> None:
        """Adapt to a 429.

        Args:
            endpoint: The endpoint that answered.
            reason: Value of `Stripe-Rate-Limited-Reason`; without it the 429 is a lock timeout,
                which says nothing about rates.
        """
        with self._lock:
            now = self._clock()
            if reason == "global-rate":
                self._overall.refused(now)
            elif reason in ("endpoint-rate", "resource-specific"):
                self._pace(endpoint).refused(now)
            elif reason == "global-concurrency":
                self.concurrency = max(1, self.concurrency // 2)
            elif reason == "endpoint-concurrency":
                now_allowed = self.endpoint_concurrency(endpoint)
                self._endpoint_concurrency[endpoint] = max(1, now_allowed // 2)


def backoff(attempt: int, retry_after: float | None, *, base: float, cap: float) -> float:
    """Return seconds to wait before try `attempt` + 1: exponential, with jitter.

    `Retry-After` is a floor, never a ceiling: jitter above it keeps the threads of an account
    from coming back in one moment.
    """
    delay = min(cap, base * 2.0 ** (attempt - 1)) * (0.5 + random.random() / 2)  # noqa: S311
    return delay + (retry_after or 0.0)
