"""Tasks of one account: how many at once, and what a failure does."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dlt_sources.stripe.limiter import Limiter, Limits
from dlt_sources.stripe.tasks import TaskGroup

LIMITS = Limits(overall=100.0, per_endpoint=25.0, concurrency=3, per_endpoint_concurrency=2)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_no_more_run_at_once_than_the_endpoint_and_the_account_allow(
    executor: ThreadPoolExecutor,
) -> None:
    group = TaskGroup(executor, Limiter(LIMITS), on_failure=lambda: None)
    lock = threading.Lock()
    full = threading.Barrier(3, timeout=10)
    running: dict[str, int] = {"a": 0, "b": 0}
    most: dict[str, int] = {"a": 0, "b": 0, "all": 0}

    def task(endpoint: str, *, meet: bool) -> None:
        with lock:
            running[endpoint] += 1
            most[endpoint] = max(most[endpoint], running[endpoint])
            most["all"] = max(most["all"], sum(running.values()))
        if meet:
            full.wait()
        with lock:
            running[endpoint] -= 1

    # Two of a and one of b can only go on together: so the caps are reached, not just kept.
    for i in range(6):
        group.add("a", lambda i=i: task("a", meet=i < 2))
        group.add("b", lambda i=i: task("b", meet=i < 1))
    group.wait()
    assert most["all"] == 3
    assert most["a"] <= 2 and most["b"] <= 2


def test_tasks_may_add_tasks_and_wait_waits_for_them(executor: ThreadPoolExecutor) -> None:
    group = TaskGroup(executor, Limiter(LIMITS), on_failure=lambda: None)
    done: list[int] = []

    def task(n: int) -> None:
        if n:
            group.add("a", lambda: task(n - 1))
        done.append(n)

    group.add("a", lambda: task(50))
    group.wait()
    assert sorted(done) == list(range(51))


def test_the_first_failure_drops_what_waits_and_is_raised(executor: ThreadPoolExecutor) -> None:
    stopped = threading.Event()
    limits = Limits(overall=100.0, per_endpoint=25.0, concurrency=1, per_endpoint_concurrency=1)
    group = TaskGroup(executor, Limiter(limits), on_failure=stopped.set)
    hold = threading.Event()
    done: list[str] = []

    def failing() -> None:
        hold.wait(10)
        raise OSError("broken")

    group.add("a", failing)
    group.add("a", lambda: done.append("after"))
    hold.set()
    with pytest.raises(OSError, match="broken"):
        group.wait()
    assert stopped.wait(10)
    assert done == []
    group.add("a", lambda: done.append("later"))
    assert done == [], "nothing starts any more"
