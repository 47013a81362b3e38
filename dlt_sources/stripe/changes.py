"""An incremental sync: the events since the cursor, and the objects they name, read again."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dlt_sources.stripe.client import Reply
from dlt_sources.stripe.events import OVERLAP, Changes, is_deletion, plan, touched_by
from dlt_sources.stripe.journal import Part
from dlt_sources.stripe.models import Cursor
from dlt_sources.stripe.reader import AccountReader, Select, members_of
from dlt_sources.stripe.streams import BY_NAME
from dlt_sources.stripe.windows import PAGE, Window

EVENTS = BY_NAME["events"]


@dataclass
class Poll:
    """The events of one poll, reduced to what they touch.

    An event landed by an earlier sync is not landed again. Its objects are read again only if
    it is younger than the cursor, that is, if it happened in the last minute before that sync,
    when a reply need not have known of the change.
    """

    reader: AccountReader
    cursor: Cursor
    earlier: frozenset[str] = frozenset()
    """Events that an earlier try of this sync has landed."""
    changes: dict[str, Changes] = field(default_factory=dict)
    landed: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def since(self) -> int:
        """Start of the poll, unix seconds."""
        return self.cursor.events_cursor - OVERLAP

    def select(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Note what the events of a page touch; return those to be landed."""
        new = []
        with self._lock:
            for event in events:
                touched = list(touched_by(event))
                if not touched or event["id"] in self.landed:
                    continue
                known = event["id"] in self.cursor.seen_events
                if known and event["created"] < self.cursor.events_cursor:
                    continue
                if not known:
                    self.landed.add(event["id"])
                    if event["id"] not in self.earlier:
                        new.append(event)
                for one in touched:
                    self.changes.setdefault(one.stream, Changes()).add(
                        one, deletion=is_deletion(event)
                    )
        return new

    def first_page(self, since: int) -> Reply:
        """Read the newest page; its `Date` may serve as T0, because no object was read before."""
        params = [("limit", str(PAGE)), ("created[gte]", str(since))]
        return self.reader.client.get(EVENTS.path, params, endpoint=EVENTS.path)

    def read_on(self, first: Reply, *, since: int, now: int) -> None:
        """Take the first page and read all that follow it."""
        members, has_more = members_of(first)
        self.reader.receive(EVENTS, self.select(members), first)
        if has_more:
            whole = Part(EVENTS.name, (), Window(since, now + 1))
            for part in self.reader.continued(whole, members):
                self.reader.read_part(part, self.select)
        self.reader.group.wait()


def _only(wanted: frozenset[str]) -> Select:
    """Land of a list only what changed: a version of every other object would say nothing new."""
    return lambda objects: [obj for obj in objects if obj["id"] in wanted]


def refetch(
    reader: AccountReader,
    changes: Mapping[str, Changes],
    *,
    since: int,
    now: int,
    sizes: Mapping[str, int],
) -> None:
    """Read every touched object again, by id or by list.

    Args:
        reader: The account.
        changes: By stream.
        since: Start of the poll, unix seconds.
        now: T0, unix seconds.
        sizes: Objects in the warehouse by state stream.
    """
    reader.phase = "changes"
    for name, changed in changes.items():
        stream = BY_NAME[name]
        chosen = plan(stream, changed, since=since, size=sizes.get(name))
        if chosen.list_from is not None:
            only = _only(frozenset(chosen.listed))
            reader.list_window(stream, Window(chosen.list_from, now + 1), only)
            reader.account.want(name, chosen.listed)
        for object_id in chosen.ids:
            reader.fetch(name, object_id)
    reader.group.wait()
    reader.fetch_missing()
