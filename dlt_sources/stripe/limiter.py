"""How fast one account may be read: paces per endpoint and in all, and a concurrency cap.

Pure timing belongs here: no HTTP, no threads of its own. `docs/stripe.md` has the limits.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

MARGIN = 0.98
"""Share of the allowed rate that is used: requests sent evenly do not arrive evenly."""

CATCH_UP = 0.8
"""Least time between two requests, as a share of the even pace: turns that nobody could use are
made up for within the second, and never by a burst."""

SPARE = 1.4
"""Requests in flight beyond what the rate needs on average: some answers take longer."""

LOWERED = 0.9
"""What a refused rate is multiplied by. Little, because a hiccup of a tenth of a second anywhere
on the way makes requests arrive too close together; again and again, if refusals go on."""


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


@dataclass(eq=False, slots=True)
class Turn:
    """When a request may go; once it went, when that was."""

    at: float


@dataclass(eq=False, slots=True)
class Waiting:
    """A request that waits for an overall turn: for its own, or until it is given another's."""

    turn: Turn
    given: threading.Event


class Pace:
    """One bucket: no second, whenever it begins, holds more requests than the rate.

    Whether Stripe counts in buckets, in whole seconds or over the last one is not documented; who
    keeps to the last, the strictest, keeps to all.
    """

    def __init__(self, rate: float) -> None:
        self._ceiling = rate * MARGIN
        self.rate = self._ceiling
        self._turns: deque[Turn] = deque(maxlen=max(1, int(rate)))
        self._lowered = float("-inf")

    def reserve(self, now: float) -> Turn:
        """Return the turn, at or after `now`, of the caller's request."""
        at = now
        if self._turns:
            even = self.rate < self._ceiling
            at = max(at, self._turns[-1].at + (1.0 if even else CATCH_UP) / self.rate)
        if len(self._turns) == self._turns.maxlen:
            at = max(at, self._turns[0].at + 1.0 / MARGIN)
        self._turns.append(Turn(at))
        return self._turns[-1]

    def refused(self, now: float) -> None:
        """Stripe said this bucket is full: go on more slowly.

        Refusals of one second have one cause, so they lower the rate once.
        """
        if now - self._lowered >= 1.0:
            self._lowered = now
            self.rate = max(self.rate * LOWERED, self._ceiling * 0.05)

    def accepted(self) -> None:
        """A request went through: recover, slowly, to the allowed rate."""
        self.rate = min(self._ceiling, self.rate + self._ceiling * 0.0025)


class Limiter:
    """The paces of one account, shared by all threads that read it."""

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._ahead: defaultdict[str, float] = defaultdict(float)
        self._arrivals = itertools.count()
        self._waiting: list[tuple[float, int, Waiting]] = []
        self.use(limits)

    def use(self, limits: Limits) -> None:
        """Start afresh with `limits` (the account turned out to be live, or a sandbox)."""
        with self._lock:
            self._limits = limits
            self._overall = Pace(limits.overall)
            self._endpoints: dict[str, Pace] = {}
            self.concurrency = limits.concurrency
            self._endpoint_concurrency: dict[str, int] = {}
            self._seconds: dict[str, float] = {}

    @property
    def limits(self) -> Limits:
        """The limits in use, before any adaptation."""
        return self._limits

    def endpoint_concurrency(self, endpoint: str) -> int:
        """Requests to `endpoint` that may be in flight now."""
        return self._endpoint_concurrency.get(endpoint, self._limits.per_endpoint_concurrency)

    def side_by_side(self, endpoint: str) -> int:
        """Requests to `endpoint` in flight that use all of its rate, as long as answers take."""
        allowed = self.endpoint_concurrency(endpoint)
        seconds = self._seconds.get(endpoint)
        if seconds is None:
            return allowed
        return min(allowed, max(2, math.ceil(self._limits.per_endpoint * seconds * SPARE)))

    def expect(self, endpoint: str, requests: float) -> None:
        """Note that `endpoint` has so many requests more before it, or fewer."""
        with self._lock:
            self._ahead[endpoint] += requests

    def ahead(self, endpoint: str) -> float:
        """Return the requests that `endpoint` has before it, as far as known."""
        with self._lock:
            return self._ahead[endpoint]

    def _pace(self, endpoint: str) -> Pace:
        return self._endpoints.setdefault(endpoint, Pace(self._limits.per_endpoint))

    def wait(self, endpoint: str) -> None:
        """Block until a request to `endpoint` may be sent.

        The endpoint's turn is awaited before one of the overall turns is taken: taking both at
        once would book overall turns far ahead for a busy endpoint while others stand idle.
        """
        with self._lock:
            turn = self._pace(endpoint).reserve(self._clock())
        mine = Waiting(turn, threading.Event())
        self._pause_until_turn(mine)
        overall = self._wait_overall(endpoint, mine)
        # A thread may have been woken late, by a busy machine for instance. What counts for the
        # requests after it is when it went.
        turn.at = overall.at = self._clock()

    def _wait_overall(self, endpoint: str, mine: Waiting) -> Turn:
        """Wait for an overall turn, and return it.

        Whose turn it is gives it to the endpoint that has most before it, and takes that one's
        turn: the last to be done can never make up for a turn that it has to do without.
        """
        with self._lock:
            mine.turn = self._overall.reserve(self._clock())
            heapq.heappush(self._waiting, (-self._ahead[endpoint], next(self._arrivals), mine))
        while True:
            self._pause_until_turn(mine)
            with self._lock:
                if mine.given.is_set():
                    return mine.turn
                _, _, first = heapq.heappop(self._waiting)
                if first is mine:
                    return mine.turn
                first.turn, mine.turn = mine.turn, first.turn
                first.given.set()

    def _pause_until_turn(self, mine: Waiting) -> None:
        """Wait for the turn, or for being given another's."""
        delay = mine.turn.at - self._clock()
        if delay > 0:
            self._pause(mine.given, delay)

    def accepted(self, endpoint: str, seconds: float) -> None:
        """Note a request that was not refused, and how long its answer took."""
        with self._lock:
            known = self._seconds.get(endpoint, seconds)
            self._seconds[endpoint] = known + (seconds - known) * 0.2
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
