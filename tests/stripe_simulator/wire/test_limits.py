"""Rate limits: how much passes, and what the refusal says."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_simulator.wire.errors import StripeError
from stripe_simulator.wire.limits import MODES, Limiter
from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.handmade import ask


class Machine:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def refusal(limiter: Limiter, template: str, account: str = "acct_1") -> str | None:
    try:
        limiter.admit(account, template)
    except StripeError as error:
        assert error.status == 429
        return error.headers["Stripe-Rate-Limited-Reason"]
    return None


def test_live_admits_25_a_second_of_one_endpoint_and_100_of_all() -> None:
    machine = Machine()
    limiter = Limiter(MODES["live"], machine)
    for name in "abcd":
        assert [refusal(limiter, name) for _ in range(25)] == [None] * 25
    assert refusal(limiter, "a") == "global-rate"
    assert refusal(limiter, "a", account="acct_2") is None
    machine.now += 0.99
    assert refusal(limiter, "e") == "global-rate"
    machine.now += 0.01
    assert sum(refusal(limiter, "e") is None for _ in range(100)) == 25


def test_one_endpoint_alone_meets_its_own_limit() -> None:
    limiter = Limiter(MODES["live"], Machine())
    assert [refusal(limiter, "a") for _ in range(26)] == [None] * 25 + ["endpoint-rate"]


def test_a_sandbox_admits_25_in_all() -> None:
    limiter = Limiter(MODES["sandbox"], Machine())
    answers = [refusal(limiter, name) for name in "ab" for _ in range(13)]
    assert answers == [None] * 25 + ["global-rate"]


def test_requests_at_once_are_limited_too() -> None:
    limiter = Limiter(MODES["live"], Machine())
    for _ in range(25):
        limiter.started("acct_1", "a")
    assert refusal(limiter, "a") == "endpoint-concurrency"
    assert refusal(limiter, "b") is None
    for _ in range(75):
        limiter.started("acct_1", "c")
    assert refusal(limiter, "b") == "global-concurrency"
    for _ in range(75):
        limiter.finished("acct_1", "c")
    limiter.finished("acct_1", "a")
    assert refusal(limiter, "a") is None


@given(st.lists(st.floats(0, 0.2), min_size=50, max_size=300))
def test_no_second_ever_admits_more_than_the_limit(pauses: list[float]) -> None:
    machine = Machine()
    limiter = Limiter(MODES["live"], machine)
    admitted = []
    for pause in pauses:
        machine.now += pause
        if refusal(limiter, "a") is None:
            admitted.append(machine.now)
    for moment in admitted:
        assert sum(moment <= other < moment + 1 - 1e-6 for other in admitted) <= 25


@pytest.mark.parametrize(("mode", "word"), [("live", "Request"), ("sandbox", "Testmode request")])
def test_over_the_wire_a_429_says_why(mode: str, word: str) -> None:
    served = handmade.simulator(limits=mode)
    answers = [ask(served, "/v1/charges") for _ in range(40)]
    last = answers[-1]
    assert sum(answer.status == 200 for answer in answers) in range(25, 30)
    assert last.status == 429
    assert last.headers["Stripe-Rate-Limited-Reason"].endswith("-rate")
    error = orjson.loads(last.body)["error"]
    assert error["code"] == "rate_limit"
    assert error["message"].startswith(f"{word} rate limit exceeded")
