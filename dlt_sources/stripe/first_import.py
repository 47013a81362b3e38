"""A first import: every list that the numbers need, and 30 days of history-telling events.

The newest events are landed whatever they tell, so that the next poll's overlap finds them known.

Also used to recover from a gap too long for the events feed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dlt_sources.stripe.events import FEED_DAYS, LAG, OVERLAP, touched_by
from dlt_sources.stripe.journal import Held, Left, Part
from dlt_sources.stripe.reader import AccountReader, everything, parts_of
from dlt_sources.stripe.streams import BY_NAME, HISTORY_EVENT_TYPES, STREAMS, Kind
from dlt_sources.stripe.windows import Window

DAY = 86_400


def history_start(now: int, days: int) -> int:
    """Return the start of the UTC day `days` days before the day of `now` (unix seconds)."""
    return now // DAY * DAY - days * DAY


def import_parts(*, now: int, start: int) -> list[Part]:
    """Return what an import lists: state whole, history from `start` on, and events.

    Args:
        now: T0, taken before anything is listed, unix seconds.
        start: Start of the payment history, unix seconds.
    """
    parts: list[Part] = []
    for stream in STREAMS:
        if stream.kind is Kind.STATE:
            parts += parts_of(stream, Window(0, now + 1))
        elif stream.kind is Kind.HISTORY:
            parts += parts_of(stream, Window(start, now + 1))
    types = [("types[]", name) for name in HISTORY_EVENT_TYPES]
    overlap = now - LAG - OVERLAP
    parts += parts_of(BY_NAME["events"], Window(now - FEED_DAYS * DAY, overlap), types)
    return parts + parts_of(BY_NAME["events"], Window(overlap, now + 1))


def is_wanted(event: Mapping[str, Any]) -> bool:
    """Tell whether an event is kept: it tells history, or a stream's object has changed."""
    return event["type"] in HISTORY_EVENT_TYPES or any(touched_by(event))


def import_lists(
    reader: AccountReader,
    left: Iterable[Left],
    *,
    landed: frozenset[str],
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Read what is left of an import's lists, and what they refer to.

    Args:
        reader: The account.
        left: `import_parts`, or what an earlier try had not read of them.
        landed: Ids of events that have been landed already.
        on_event: Called for every event of the last 30 days that tells history, at least.
    """

    def new_events(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if on_event is not None:
            for event in events:
                on_event(event)
        return [event for event in events if event["id"] not in landed and is_wanted(event)]

    for each in left:
        if isinstance(each, Held):
            reader.fetch(each.stream, each.id, each)
        else:
            events = each.stream == "events"
            reader.read_part(each, new_events if events else everything, kept=True)
    reader.group.wait()
    reader.fetch_missing()
