"""Rate and concurrency limits, as Stripe applies them to live and sandbox keys.

What belongs here: counting requests per account and endpoint. Time is the machine's, not the
virtual one: a limit is about load, and virtual time may stand still.
"""

import time
from collections import deque
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


class Window:
    """At most so many requests in any one second, whenever that second begins.

    Whether Stripe counts in buckets or in whole seconds is not documented; who keeps to this
    reading, the strictest one, keeps to all of them.
    """

    def __init__(self, capacity: int) -> None:
        self._admitted: deque[float] = deque(maxlen=capacity)

    def is_full(self, now: float) -> bool:
        """Whether one more would be too many."""
        admitted = self._admitted
        return len(admitted) == admitted.maxlen and now - admitted[0] < 1.0

    def add(self, now: float) -> None:
        """Count a request."""
        self._admitted.append(now)


@dataclass
class Limiter:
    """Admits requests or refuses them with a 429 that says which limit was met."""

    limits: Limits | None = None
    machine: Callable[[], float] = time.monotonic
    _windows: dict[tuple[str, str], Window] = field(default_factory=dict)
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
        overall = self._window(account_id, "", limits.per_second)
        endpoint = self._window(account_id, template, limits.per_endpoint)
        if overall.is_full(now):
            raise errors.rate_limited("global-rate", limits.livemode)
        if endpoint.is_full(now):
            raise errors.rate_limited("endpoint-rate", limits.livemode)
        overall.add(now)
        endpoint.add(now)

    def set_mode(self, mode: str) -> None:
        """Switch to the limits of a key of `MODES`, counting anew.

        Raises:
            KeyError: If there is no such mode.
        """
        self.limits = MODES[mode]
        self._windows.clear()

    def _window(self, account_id: str, scope: str, capacity: int) -> Window:
        """The window of one scope, empty when it is first needed."""
        key = (account_id, scope)
        if key not in self._windows:
            self._windows[key] = Window(capacity)
        return self._windows[key]

    def started(self, account_id: str, template: str) -> None:
        """A request that takes time is under way."""
        for scope in ("", template):
            self._running[account_id, scope] = self._running.get((account_id, scope), 0) + 1

    def finished(self, account_id: str, template: str) -> None:
        """It was answered."""
        for scope in ("", template):
            self._running[account_id, scope] -= 1
