"""Virtual time: the queue of what is still to happen, and calendar arithmetic.

What belongs here: ordering and dates. What does not: what happens at a time.
"""

import heapq
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

HOUR = 3_600
DAY = 86_400
# From a movement of the balance to its money being available.
AVAILABLE_SECONDS = 2 * DAY


class Queue:
    """Actions in order of time; ties in the order in which they were scheduled.

    Both parts of the order depend on the past alone, never on how far the clock is meant to run:
    that is what makes a world prefix-consistent.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def push(self, at: int, action: Callable[..., None], *arguments: Any) -> None:
        """Schedule `action(*arguments)` at `at` (unix seconds)."""
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, action, arguments))

    def pop_until(self, until: int) -> tuple[int, Callable[..., None], tuple[Any, ...]] | None:
        """The next action at or before `until`, or None."""
        if not self._heap or self._heap[0][0] > until:
            return None
        at, _, action, arguments = heapq.heappop(self._heap)
        return at, action, arguments


def add_months(anchor: int, months: int) -> int:
    """The instant `months` after `anchor` (unix seconds, UTC); short months cut the day.

    Always count from the anchor: 31 January, 28 February, 31 March.
    """
    moment = datetime.fromtimestamp(anchor, UTC)
    index = moment.year * 12 + moment.month - 1 + months
    year, month = index // 12, index % 12 + 1
    day = min(moment.day, monthrange(year, month)[1])
    return int(moment.replace(year=year, month=month, day=day).timestamp())


def add_intervals(anchor: int, interval: str, count: int, times: int) -> int:
    """The instant `times` billing periods of `count` `interval`s after `anchor`."""
    if interval == "day":
        return anchor + DAY * count * times
    if interval == "week":
        return anchor + 7 * DAY * count * times
    return add_months(anchor, count * times * (12 if interval == "year" else 1))
