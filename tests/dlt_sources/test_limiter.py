"""The limiter under a virtual clock."""

import threading
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlt_sources.stripe.limiter import LIVE, SANDBOX, Limiter, Limits, Pace, backoff


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    def pause(self, given: threading.Event, seconds: float) -> None:
        self.sleep(seconds)


def limiter(limits: Limits) -> tuple[Limiter, Clock]:
    clock = Clock()
    return Limiter(limits, clock=clock, pause=clock.pause), clock


def most_in_a_second(times: list[float]) -> int:
    return max(sum(1 for t in times if start <= t < start + 1.0) for start in times)


# Drawn lists are mostly too short to pass a limit, so two that must are given.
@example(["/v1/charges"] * 60)
@example(["/v1/charges", "/v1/invoices", "/v1/prices"] * 40)
@given(st.lists(st.sampled_from(["/v1/charges", "/v1/invoices", "/v1/prices"]), max_size=300))
def test_no_second_holds_more_than_the_limits(endpoints: list[str]) -> None:
    limit, clock = limiter(Limits(40.0, 25.0, 9, 9))
    sent: list[tuple[str, float]] = []
    for endpoint in endpoints:
        limit.wait(endpoint)
        sent.append((endpoint, clock.now))
    if sent:
        assert most_in_a_second([at for _, at in sent]) <= 40
    for endpoint in {each for each, _ in sent}:
        assert most_in_a_second([at for name, at in sent if name == endpoint]) <= 25


def test_a_busy_endpoint_does_not_hold_up_the_others() -> None:
    pace = Pace(25.0)
    booked = [pace.reserve(0.0).at for _ in range(100)]
    assert booked[-1] > 3.8, "the busy endpoint waits for itself"
    limit, clock = limiter(LIVE)
    for _ in range(10):
        limit.wait("/v1/charges")
    before = clock.now
    limit.wait("/v1/invoices")
    assert clock.now - before < 0.011


def test_the_rate_is_used_almost_wholly() -> None:
    limit, clock = limiter(LIVE)
    start = clock.now
    for _ in range(250):
        limit.wait("/v1/charges")
    assert 250 / 25 <= clock.now - start + 0.05 <= 250 / 25 * 1.03


def test_turns_that_nobody_could_use_are_made_up_for_without_a_burst() -> None:
    limit, clock = limiter(LIVE)
    sent = []
    for n in range(100):
        limit.wait("/v1/charges")
        sent.append(clock.now)
        if n == 50:
            clock.sleep(0.3)
    assert most_in_a_second(sent) <= 25
    assert min(after - before for before, after in pairwise(sent)) > 0.03
    assert sent[-1] - sent[0] < 100 / 25 + 0.3


def test_who_is_woken_late_is_counted_when_it_went() -> None:
    clock = Clock()

    def late(given: threading.Event, seconds: float) -> None:
        clock.sleep(seconds)
        if len(sent) % 10 == 5:
            clock.sleep(0.09)

    limit = Limiter(LIVE, clock=clock, pause=late)
    sent: list[float] = []
    for _ in range(200):
        limit.wait("/v1/charges")
        sent.append(clock.now)
    assert most_in_a_second(sent) <= 25


def test_a_scarce_turn_goes_to_the_endpoint_that_has_most_before_it() -> None:
    clock = Clock()
    held = threading.Semaphore(0)
    asleep = threading.Semaphore(0)

    def pause(given: threading.Event, seconds: float) -> None:
        asleep.release()
        # The first to be woken is the one whose turn it is; the other must be given it.
        while not given.wait(0.01):
            if held.acquire(blocking=False):
                clock.sleep(seconds)
                return

    limit = Limiter(Limits(1.0, 25.0, 9, 9), clock=clock, pause=pause)
    limit.expect("/v1/charges", 200)
    limit.expect("/v1/prices", 2)
    limit.wait("/v1/account")
    sent: list[str] = []
    threads = []
    for endpoint in ("/v1/prices", "/v1/charges"):
        thread = threading.Thread(target=lambda e=endpoint: (limit.wait(e), sent.append(e)))
        thread.start()
        assert asleep.acquire(timeout=10)
        threads.append(thread)
    held.release()
    threads[1].join(10)
    assert sent == ["/v1/charges"]
    held.release()
    threads[0].join(10)
    assert sent == ["/v1/charges", "/v1/prices"]


@pytest.mark.parametrize(
    ("reason", "slower"),
    [
        ("endpoint-rate", "/v1/charges"),
        ("resource-specific", "/v1/charges"),
        ("global-rate", "/v1/invoices"),
    ],
)
def test_a_refused_rate_is_lowered_and_recovers(reason: str, slower: str) -> None:
    def gap() -> float:
        limit.wait(slower)
        before = clock.now
        limit.wait(slower)
        return clock.now - before

    limit, clock = limiter(Limits(25.0, 25.0, 9, 9))
    for _ in range(10):
        limit.refused("/v1/charges", reason)
    clock.sleep(1.0)
    once = gap()
    assert 1 / 25 * 1.1 < once < 1 / 25 * 1.2, "refusals of one moment have one cause"
    for _ in range(5):
        clock.sleep(1.0)
        limit.refused("/v1/charges", reason)
    clock.sleep(1.0)
    assert gap() > once * 1.5
    for _ in range(400):
        limit.accepted(slower, 0.1)
    clock.sleep(1.0)
    assert gap() < 1 / 25 * 1.05


def test_as_many_requests_are_in_flight_as_the_rate_needs() -> None:
    limit, _ = limiter(LIVE)
    most = limit.side_by_side("/v1/charges")
    assert most == LIVE.per_endpoint_concurrency, "nothing is known yet"
    needed = []
    for seconds in (0.05, 0.12, 0.3, 2.0):
        for _ in range(50):
            limit.accepted("/v1/charges", seconds)
        needed.append(limit.side_by_side("/v1/charges"))
        assert needed[-1] >= min(most, 25 * seconds)
    assert needed == sorted(needed)
    assert needed[1] < most / 2, "each part of a list ends in a page that is half empty"


def test_concurrency_is_halved_by_its_reason_and_recovers() -> None:
    limit, _ = limiter(LIVE)
    limit.refused("/v1/charges", "global-concurrency")
    assert limit.concurrency == LIVE.concurrency // 2
    limit.refused("/v1/charges", "endpoint-concurrency")
    assert limit.endpoint_concurrency("/v1/charges") == LIVE.per_endpoint_concurrency // 2
    assert limit.endpoint_concurrency("/v1/invoices") == LIVE.per_endpoint_concurrency
    for _ in range(50):
        limit.accepted("/v1/charges", 0.1)
    assert limit.concurrency == LIVE.concurrency
    assert limit.endpoint_concurrency("/v1/charges") == LIVE.per_endpoint_concurrency


def test_a_lock_timeout_lowers_nothing() -> None:
    def sent() -> list[float]:
        limit, clock = limiter(LIVE)
        if refused:
            limit.refused("/v1/charges", None)
        times = []
        for _ in range(3):
            limit.wait("/v1/charges")
            times.append(clock.now)
        assert limit.concurrency == LIVE.concurrency
        return times

    refused = False
    undisturbed = sent()
    refused = True
    assert sent() == undisturbed


def test_a_sandbox_gets_one_rate_for_all() -> None:
    assert SANDBOX.overall == 25.0


@given(st.integers(1, 40), st.one_of(st.none(), st.floats(0, 60)))
def test_backoff_grows_to_its_cap_and_respects_retry_after(
    attempt: int, retry_after: float | None
) -> None:
    delay = backoff(attempt, retry_after, base=0.5, cap=20.0)
    assert (retry_after or 0.0) + 0.25 <= delay <= (retry_after or 0.0) + 20.0
