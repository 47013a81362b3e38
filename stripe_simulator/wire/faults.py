"""Misbehaviour: faults that a test scripts, faults at random by a seed, and latency.

What belongs here: deciding what goes wrong with which request. ``http`` cuts and stalls; the
errors' words are in ``errors``; what becomes of the world (deletions, revocations) is asked of the
`Effects` that the server hands in.
"""

import random
import zlib
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any, Protocol

import orjson

from stripe_simulator.wire import errors
from stripe_simulator.wire.http import Response

KINDS = (
    "error",
    "conflict",
    "rate_limit",
    "lock_timeout",
    "stall",
    "cut",
    "truncate",
    "overflow",
    "delete",
    "revoke",
    "expire",
)
# What a seeded storm draws from: faults from which a careful client recovers by itself.
STORM = ("error", "conflict", "rate_limit", "lock_timeout", "stall", "cut", "truncate")
REASONS = (
    "global-rate",
    "endpoint-rate",
    "global-concurrency",
    "endpoint-concurrency",
    "resource-specific",
)


class FaultError(ValueError):
    """A fault that was described wrongly; the message says what is possible."""


@dataclass
class Fault:
    """One scripted fault.

    Requests that match `path` (a template such as ``/v1/charges``, wildcards allowed) and
    `account` are counted; the first `after` of them pass, the next `times` are spoilt.
    """

    kind: str
    path: str = "/v1/*"
    account: str | None = None
    after: int = 0
    times: int = 1
    # error: the status. rate_limit: the reason. stall: seconds. truncate, overflow: the share of
    # the body that is sent. overflow: from how many objects on a page is too long.
    status: int = 500
    reason: str = "endpoint-rate"
    seconds: float = 30.0
    share: float = 0.5
    most: int = 50
    # delete: which object; without an id, the last one of the page that was just sent.
    object_id: str | None = None
    seen: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        """Refuse what could never happen."""
        if self.kind not in KINDS:
            raise FaultError(f"kind={self.kind!r}: choose one of {', '.join(KINDS)}")
        if self.reason not in REASONS:
            raise FaultError(f"reason={self.reason!r}: choose one of {', '.join(REASONS)}")
        if not 0 <= self.share < 1:
            raise FaultError(f"share={self.share}: give what part of the body is sent, 0 to 1")
        if self.times < 1 or self.after < 0:
            raise FaultError(f"after={self.after}, times={self.times}: after >= 0, times >= 1")

    def due(self, template: str, account_id: str) -> bool:
        """Count a request; whether it may be spoilt."""
        if not fnmatchcase(template, self.path):
            return False
        if self.account is not None and self.account != account_id:
            return False
        self.seen += 1
        return self.seen > self.after and self.hits < self.times


def fault_from(description: dict[str, Any]) -> Fault:
    """A fault from JSON.

    Raises:
        FaultError: For a field or value that does not exist.
    """
    known = {each.name for each in fields(Fault)} - {"seen", "hits"}
    unknown = sorted(set(description) - known)
    if unknown or "kind" not in description:
        raise FaultError(
            f"unknown {', '.join(unknown) or 'fault without kind'}: a fault has "
            f"{', '.join(sorted(known))}"
        )
    return Fault(**description)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long answers take: a lognormal around `median_ms`, as API latencies are spread.

    `spread` is the sigma of the logarithm; 0.5 puts the 99th percentile at 3.2 times the median.
    """

    median_ms: float = 0.0
    spread: float = 0.5

    def draw(self, generator: random.Random) -> float:
        """Seconds until the answer."""
        if self.median_ms <= 0:
            return 0.0
        return self.median_ms / 1000 * generator.lognormvariate(0.0, self.spread)


@dataclass(frozen=True, slots=True)
class LateEvents:
    """A share of the events shows in the feed only some seconds after it was created."""

    share: float
    most_seconds: int
    seed: int = 1

    def seconds_of(self, event_id: str) -> int:
        """How late one event is; always the same for the same event."""
        drawn = zlib.crc32(f"{self.seed}/{event_id}".encode())
        if drawn % 10_000 >= self.share * 10_000:
            return 0
        return 1 + drawn // 10_000 % self.most_seconds


class Effects(Protocol):
    """What a fault can do to the world around a request."""

    def delete_object(self, account_id: str, object_type: str, object_id: str) -> bool:
        """Delete an object as its owner would; whether the world took part."""

    def revoke(self, account_id: str) -> None:
        """Take the platform's access away."""

    def expire_tokens(self, account_id: str) -> None:
        """Let the account's access tokens run out now."""


@dataclass
class Faults:
    """All faults in force, and the generator that makes random ones repeatable."""

    seed: int = 1
    scripted: list[Fault] = field(default_factory=list)
    # The chance that a request is spoilt by a random fault of `STORM`.
    storm: float = 0.0
    latency: Latency = field(default_factory=Latency)
    late_events: LateEvents | None = None
    # Random stalls are short, so that a storm is over in bearable time.
    storm_stall_seconds: float = 2.0

    def __post_init__(self) -> None:
        """Start the generator."""
        self._generator = random.Random(self.seed)

    @property
    def quiet(self) -> bool:
        """Whether nothing can go wrong, so that requests need not ask."""
        return not self.scripted and not self.storm and self.latency.median_ms <= 0

    def clear(self) -> None:
        """No faults and no latency; the generator starts anew."""
        self.scripted.clear()
        self.storm = 0.0
        self.late_events = None
        self.latency = Latency()
        self._generator = random.Random(self.seed)

    def draw(self, template: str, account_id: str) -> Fault | None:
        """The fault that befalls a request, if any."""
        # Every fault counts every request; of those that are due, the first one strikes.
        due = [fault for fault in self.scripted if fault.due(template, account_id)]
        if due:
            due[0].hits += 1
            return due[0]
        if self.storm and self._generator.random() < self.storm:
            kind = self._generator.choice(STORM)
            return Fault(
                kind,
                status=self._generator.choice((500, 502, 503)),
                reason=self._generator.choice(REASONS),
                seconds=self.storm_stall_seconds,
                share=self._generator.random() * 0.99,
            )
        return None

    def delay(self) -> float:
        """Seconds of latency of one request."""
        return self.latency.draw(self._generator)


def error_of(fault: Fault, livemode: bool) -> errors.StripeError | None:
    """The error that a fault puts in place of the answer; None when the answer is made."""
    if fault.kind == "error":
        return errors.server_error(fault.status)
    if fault.kind == "conflict":
        return errors.conflict()
    if fault.kind == "rate_limit":
        return errors.rate_limited(fault.reason, livemode)
    if fault.kind == "lock_timeout":
        return errors.lock_timeout()
    return None


def spoil(response: Response, fault: Fault) -> None:
    """Make a good answer arrive late, in part, or not at all."""
    if fault.kind == "stall":
        response.delay += fault.seconds
    elif fault.kind == "cut":
        response.cut_after = 0
    elif fault.kind == "truncate":
        response.cut_after = max(1, int(len(response.body) * fault.share))
    elif fault.kind == "overflow" and len(orjson.loads(response.body).get("data", ())) > fault.most:
        response.body = response.body[: int(len(response.body) * fault.share)]
