"""Cutting a list, newest first, into windows of `created` that can be read side by side.

Pure arithmetic. Every instant of a window belongs to exactly one of the windows that it is cut
into, and no object is lost where a page ended inside a second.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_SPAN = 30
"""Seconds below which a window is paged through and not cut."""

PAGE = 100
"""Objects per page, Stripe's maximum."""

PAGES_PER_PART = 4
"""Pages that a part should have at least: each part ends in a page that is half empty."""


@dataclass(frozen=True, slots=True)
class Window:
    """Objects with `gte <= created < lt`, from after `starting_after` on (newest first).

    `gte` 0 means no lower bound. Times are unix seconds.
    """

    gte: int
    lt: int
    starting_after: str | None = None


def estimate_pages(window: Window, last_created: int, floor: int) -> float:
    """Guess how many pages remain, if the rest is as dense as the page just read.

    Args:
        window: The window that the page was read from.
        last_created: `created` of the page's last, oldest object.
        floor: Time before which nothing is expected.
    """
    read = max(1, window.lt - last_created)
    unread = max(0, last_created + 1 - max(window.gte, floor))
    return unread / read


def remainder(window: Window, last_id: str, last_created: int) -> Window:
    """Return what is left of `window` after a page that ended with the given object.

    The upper bound keeps the last object's own second, because others of that second may not
    have been on the page; `starting_after` leaves out those that were.
    """
    return Window(window.gte, min(window.lt, last_created + 1), last_id)


def cut(window: Window, parts: int, floor: int) -> list[Window]:
    """Cut `window` into at most `parts` windows of about equal span, newest first.

    The newest inherits `starting_after`; the oldest reaches down to `window.gte` even when that
    lies before `floor`, the time before which nothing is expected.
    """
    low = max(window.gte, min(floor, window.lt))
    span = window.lt - low
    parts = max(1, min(parts, span // MIN_SPAN))
    bounds = [low + span * i // parts for i in range(parts + 1)]
    bounds[0] = window.gte
    windows = [Window(bounds[i], bounds[i + 1]) for i in range(parts)]
    windows[-1] = Window(windows[-1].gte, windows[-1].lt, window.starting_after)
    return windows[::-1]


def continue_after(
    window: Window, last_id: str, last_created: int, *, floor: int, idle: int
) -> list[Window]:
    """Decide how to read on after a page that said `has_more`.

    Args:
        window: The window that the page was read from.
        last_id: The page's last object.
        last_created: Its `created`.
        floor: Time before which nothing is expected.
        idle: Further windows of this endpoint that could be read side by side.

    Returns:
        The remainder, whole or cut into parts worth cutting.
    """
    rest = remainder(window, last_id, last_created)
    worth = int(estimate_pages(window, last_created, floor) / PAGES_PER_PART)
    return cut(rest, min(idle + 1, worth), floor)
