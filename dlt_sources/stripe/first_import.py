"""A first import: every list that the numbers need, the newest 30 days of history-telling events.

Also used to recover from a gap too long for the events feed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dlt_sources.stripe.client import Reply
from dlt_sources.stripe.events import FEED_DAYS
from dlt_sources.stripe.reader import AccountReader
from dlt_sources.stripe.streams import BY_NAME, HISTORY_EVENT_TYPES, STREAMS, Kind, Stream
from dlt_sources.stripe.windows import Window

DAY = 86_400


def history_start(now: int, days: int) -> int:
    """Return the start of the UTC day `days` days before the day of `now` (unix seconds)."""
    return now // DAY * DAY - days * DAY


def import_lists(
    reader: AccountReader,
    *,
    now: int,
    start: int,
    landed: frozenset[str],
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Read all state streams whole and history from `start` on, and what they refer to.

    Args:
        reader: The account.
        now: T0, taken before this call, unix seconds.
        start: Start of the payment history, unix seconds.
        landed: Ids of events that have been landed already.
        on_event: Called for every event of the last 30 days that tells history.
    """
    for stream in STREAMS:
        if stream.kind is Kind.STATE:
            reader.list_window(stream, Window(0, now + 1))
        elif stream.kind is Kind.HISTORY:
            reader.list_window(stream, Window(start, now + 1))

    def receive(stream: Stream, events: list[dict[str, Any]], reply: Reply) -> None:
        if on_event is not None:
            for event in events:
                on_event(event)
        reader.receive(stream, [event for event in events if event["id"] not in landed], reply)

    reader.list_window(
        BY_NAME["events"],
        Window(now - FEED_DAYS * DAY, now + 1),
        receive=receive,
        extra=[("types[]", name) for name in HISTORY_EVENT_TYPES],
    )
    reader.group.wait()
    reader.fetch_missing()
