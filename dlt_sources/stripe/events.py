"""What an event means for the streams, and the cheapest way to read what changed again.

Pure functions: an event says that something changed, never what it is now (its payload is in the
API version of its creation), so the object is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dlt_sources.stripe.references import follow, id_of
from dlt_sources.stripe.streams import STREAMS, Kind, Stream
from dlt_sources.stripe.windows import PAGE, PAGES_PER_PART

OVERLAP = 600
"""Seconds before the cursor from which events are read again: delivery can be late."""

LAG = 60
"""Seconds behind T0 at which the cursor stays: a reply may not know the newest changes yet."""

FEED_DAYS = 30
"""Days that Stripe keeps events."""

GAP_DAYS = 25
"""Age of a cursor, in days, from which the feed is not trusted to be complete."""

_BY_OBJECT_TYPE: Mapping[str, tuple[tuple[Stream, tuple[str, ...]], ...]] = {
    object_type: tuple(
        (stream, touch.path)
        for stream in STREAMS
        for touch in stream.touches
        if touch.object_type == object_type
    )
    for object_type in {touch.object_type for stream in STREAMS for touch in stream.touches}
}


@dataclass(frozen=True, slots=True)
class Touched:
    """An object that must be read again; `created` is `None` where only its id is known."""

    stream: str
    id: str
    created: int | None


def touched_by(event: Mapping[str, Any]) -> Iterator[Touched]:
    """Yield the objects that `event` says have changed, directly or indirectly.

    Events of objects that are in no stream yield nothing, nor do those whose object has no id
    (`invoice.upcoming`).
    """
    obj = event["data"]["object"]
    for stream, path in _BY_OBJECT_TYPE.get(obj.get("object", ""), ()):
        for value in follow(obj, path):
            if object_id := id_of(value):
                direct = path == ("id",)
                yield Touched(stream.name, object_id, obj.get("created") if direct else None)


def is_deletion(event: Mapping[str, Any]) -> bool:
    """Tell whether the event's object is gone; a deleted *subscription* is only canceled."""
    return event["type"].endswith(".deleted") and event["type"] not in (
        "customer.subscription.deleted",
        "customer.discount.deleted",
    )


@dataclass(frozen=True)
class Plan:
    """How to read the touched objects of one stream again.

    Attributes:
        list_from: List all objects created since then (unix seconds, 0: the whole list), or
            `None` for no list.
        ids: Objects to read by id.
        listed: Objects that the list should bring; one that it does not is read by id after all.
    """

    list_from: int | None = None
    ids: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()

    def requests(self, stream: Stream, window_objects: int) -> int:
        """Requests that the plan costs when its window holds `window_objects` objects."""
        pages = 0 if self.list_from is None else pages_of(stream, window_objects)
        return pages + len(self.ids)


def pages_of(stream: Stream, objects: int) -> int:
    """Return the requests that listing `objects` objects takes, each variant at least one.

    A long list is read in parts, each of which ends in a page that is not full.
    """
    full = -(-objects // PAGE)
    return full + full // PAGES_PER_PART + len(stream.variants) - 1


@dataclass
class Changes:
    """The distinct objects of one stream that events name."""

    created: dict[str, int | None] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def add(self, touched: Touched, *, deletion: bool) -> None:
        """Add one object; a known `created` is kept over an unknown one."""
        self.created[touched.id] = touched.created or self.created.get(touched.id)
        if deletion:
            self.deleted.add(touched.id)


def plan(stream: Stream, changes: Changes, *, since: int, size: int | None) -> Plan:
    """Choose between reading by id and listing, whichever is fewer requests.

    Objects created since the cursor all have an event, so a list of that window is exactly as
    long as they are many. For older objects only the whole list can be counted, and only where
    the stream's size is known.

    Args:
        stream: The stream.
        changes: Its touched objects.
        since: Start of the poll, unix seconds.
        size: Objects of the stream in the warehouse, `None` if unknown.
    """
    alive = [i for i in changes.created if i not in changes.deleted]
    gone = [i for i in changes.created if i in changes.deleted]
    new = [i for i in alive if (changes.created[i] or 0) >= since]
    old = [i for i in alive if (changes.created[i] or 0) < since]
    candidates = [(Plan(None, tuple(alive + gone)), 0)]
    if new:
        candidates.append((Plan(since, tuple(old + gone), tuple(new)), len(new)))
    if stream.kind is Kind.STATE and size is not None and alive:
        candidates.append((Plan(0, tuple(gone), tuple(alive)), size + len(new)))
    best, _ = min(candidates, key=lambda each: each[0].requests(stream, each[1]))
    return best


def needs_recovery(cursor: int, now: int) -> bool:
    """Tell whether the gap since `cursor` is too long for the events feed (unix seconds)."""
    return now - cursor > GAP_DAYS * 86_400
