"""Running one account's requests side by side, on threads that all accounts share.

A task is one request and what follows from it, and may add tasks; so a large account yields its
thread after every page, and small ones are not starved. Nothing here knows about Stripe.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from dlt_sources.stripe.limiter import Limiter

Task = Callable[[], None]

HELD_MOST = 200
"""Objects of an account that may wait in memory for their nested lists. Lists bring objects a
hundred at a time, and each cut one takes a request of its own, so lists would run far ahead."""


class TaskGroup:
    """Tasks of one account: started in order per endpoint, at most so many at once.

    The first failure drops what has not started; `wait` raises it once the rest has ended.
    """

    def __init__(
        self, executor: Executor, limiter: Limiter, *, on_failure: Callable[[], None]
    ) -> None:
        self._executor = executor
        self._limiter = limiter
        self._on_failure = on_failure
        self._changed = threading.Condition()
        self._queues: dict[str, deque[tuple[Task, bool, float]]] = {}
        self._running: dict[str, int] = {}
        self._held = 0
        self._error: BaseException | None = None

    def add(self, endpoint: str, task: Task, *, holds: bool = False, requests: float = 1.0) -> None:
        """Queue a task; it starts when its endpoint and the account have room.

        Args:
            endpoint: What it asks; all tasks of an endpoint hold, or none.
            task: The task.
            holds: Whether it keeps an object in memory until it is done. While many do, only they
                are started.
            requests: How many requests it and what follows from it may come to.
        """
        with self._changed:
            if self._error is None:
                self._held += holds
                self._queues.setdefault(endpoint, deque()).append((task, holds, requests))
                self._limiter.expect(endpoint, requests)
                self._start()

    def active(self, endpoint: str) -> int:
        """Tasks of `endpoint` that run or wait."""
        with self._changed:
            return self._running.get(endpoint, 0) + len(self._queues.get(endpoint, ()))

    def wait(self) -> None:
        """Block until no task runs or waits.

        Raises:
            BaseException: The first failure of a task.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: not any(self._running.values()) and not any(self._queues.values())
            )
            if self._error is not None:
                raise self._error

    def _start(self) -> None:
        """Start what there is room for, one endpoint after the other. Called with the lock."""
        started = True
        while started:
            started = False
            for endpoint, queue in self._queues.items():
                if sum(self._running.values()) >= self._limiter.concurrency:
                    return
                if not queue or (self._held >= HELD_MOST and not queue[0][1]):
                    continue
                running = self._running.get(endpoint, 0)
                if running < self._limiter.endpoint_concurrency(endpoint):
                    self._running[endpoint] = running + 1
                    self._executor.submit(self._run, endpoint, *queue.popleft())
                    started = True

    def _run(self, endpoint: str, task: Task, holds: bool, requests: float) -> None:
        error: BaseException | None = None
        try:
            task()
        except BaseException as raised:
            error = raised
        with self._changed:
            self._running[endpoint] -= 1
            self._held -= holds
            self._limiter.expect(endpoint, -requests)
            if error is not None:
                if self._error is None:
                    self._error = error
                self._queues.clear()
            else:
                self._start()
            self._changed.notify_all()
        if error is not None:
            self._on_failure()
