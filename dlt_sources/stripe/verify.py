"""The sweep: Stripe's lists beside the warehouse, object for object, and what is different.

It follows an incremental sync of the same account, in the same package. So whatever has an event
since the last sync was read again just before, and is not compared; what changes while the lists
are read is told by the events that come meanwhile, and is the next sync's business. What then
still differs is drift: a change that no sync has seen.

A list's page is hashed and forgotten; only objects that seem to differ wait, on disk, until their
stored text is asked for. Their readings are the repair: they need no second request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any, TypeVar

import orjson

from dlt_sources.stripe.events import FEED_DAYS, OVERLAP, touched_by
from dlt_sources.stripe.fingerprints import differing_fields
from dlt_sources.stripe.first_import import DAY
from dlt_sources.stripe.journal import Left
from dlt_sources.stripe.landing import AccountLanding
from dlt_sources.stripe.models import Difference, DriftKind, StreamFinding, Sweep
from dlt_sources.stripe.reader import AccountReader, Landing
from dlt_sources.stripe.rows import encode
from dlt_sources.stripe.stored import ASKED_AT_ONCE, StoredIndex, hash64
from dlt_sources.stripe.streams import BY_NAME, STREAMS, Kind, Stream
from dlt_sources.stripe.sweep_plan import Part, plan_sweep
from dlt_sources.stripe.windows import Window

NAMED = 100
"""Differences of one stream that are named; all are counted."""

LISTED = tuple(stream for stream in STREAMS if stream.kind in (Kind.STATE, Kind.HISTORY))
"""Streams that are lists of objects, in the order in which a sweep by parts goes through them."""

UNSEEN, EQUAL, SUSPECT = range(3)


T = TypeVar("T")


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield `items` in slices of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


@dataclass
class _Tally:
    """What is known of one stream so far. Bytes per object, never objects.

    Attributes:
        index: The stored objects, by hash.
        fresh: What this sync read again before the sweep, by Python's hash of the id.
        states: By place in the index.
        moving: Hashes of ids that changed too recently to be compared.
        decided: Hashes of suspects that were looked at.
    """

    index: StoredIndex
    fresh: frozenset[int]
    states: bytearray
    moving: set[int] = field(default_factory=set)
    decided: set[int] = field(default_factory=set)
    equal_after_all: int = 0
    counts: dict[DriftKind, int] = field(default_factory=dict)
    named: list[Difference] = field(default_factory=list)

    def note(self, found: Difference) -> None:
        """Count a difference, and name it if there is room."""
        self.counts[found.kind] = self.counts.get(found.kind, 0) + 1
        if len(self.named) < NAMED:
            self.named.append(found)


class Comparer:
    """Takes readings in the place of a landing and compares them. Safe to use from many threads."""

    def __init__(
        self,
        indexes: Mapping[str, StoredIndex],
        fresh: Callable[[str], frozenset[int]],
        suspects: AccountLanding,
    ) -> None:
        self._lock = threading.Lock()
        self.suspects = suspects
        self.tallies = {
            name: _Tally(index, fresh(name), bytearray(len(index.ids)))
            for name, index in indexes.items()
        }

    def add(
        self,
        stream: str,
        objects: Iterable[dict[str, Any]],
        read_at: int,
        read_order: int,
        *,
        done: Left | None = None,
        left: Iterable[Left] = (),
    ) -> int:
        """Compare readings of `stream`; returns how many of it were looked at so far."""
        tally = self.tallies[stream]
        suspects = []
        with self._lock:
            for obj in objects:
                id_hash = hash64(obj["id"].encode())
                place = tally.index.find(id_hash)
                if hash(obj["id"]) in tally.fresh:
                    tally.moving.add(id_hash)
                elif place is None:
                    suspects.append(obj)
                elif tally.index.alive[place] and tally.index.texts[place] == hash64(encode(obj)):
                    tally.states[place] = EQUAL
                else:
                    tally.states[place] = SUSPECT
                    suspects.append(obj)
            seen = len(tally.states) - tally.states.count(UNSEEN)
        self.suspects.add(stream, suspects, read_at, read_order)
        return seen


@dataclass
class _Sweeper:
    """One sweep of one account."""

    reader: AccountReader
    sweep: Sweep
    comparer: Comparer
    landing: Landing
    now: int

    def run(self, windows: Mapping[str, Window]) -> tuple[StreamFinding, ...]:
        """List, compare, ask for what no list has, and repair."""
        stored = {name: self._stored_in(name, window) for name, window in windows.items()}
        parts = plan_sweep(
            LISTED,
            stored,
            windows,
            positions=self.sweep.positions,
            most_requests=self.sweep.most_requests,
        )
        before = self.reader.client.requests
        for part in parts:
            if part.window is not None:
                self.reader.list_window(part.stream, part.window)
        self.reader.group.wait()
        unchecked = self._ask_for_unlisted(parts, self.reader.client.requests - before)
        later = self._touched_meanwhile()
        for part in parts:
            if part.window is not None:
                self._decide(part.stream, later.get(part.stream.name, frozenset()))
        return tuple(
            self._finding(part, len(stored[part.stream.name]), unchecked.get(part.stream.name, 0))
            for part in parts
        )

    def _stored_in(self, name: str, window: Window) -> list[int]:
        """Return `created` of the stored objects within a window, ascending."""
        index = self.comparer.tallies[name].index
        return sorted(
            created
            for created, alive in zip(index.created, index.alive, strict=True)
            if alive and window.gte <= created < window.lt
        )

    def _ask_for_unlisted(self, parts: Sequence[Part], spent: int) -> dict[str, int]:
        """Read by id what is stored and was in no list; returns how many were left out.

        Such an object was deleted, or it is one that no list has, such as an inline price.
        """
        most = self.sweep.most_requests
        left = None if most is None else max(0, most - spent)
        unchecked: dict[str, int] = {}
        for part in parts:
            if part.window is None:
                continue
            hashes = self._unlisted(part.stream.name, part.window)
            chosen = hashes if left is None else hashes[:left]
            unchecked[part.stream.name] = len(hashes) - len(chosen)
            if left is not None:
                left -= len(chosen)
            for some in in_batches(chosen, ASKED_AT_ONCE):
                for object_id in self.sweep.stored.names(part.stream.name, some):
                    if hash(object_id) not in self.comparer.tallies[part.stream.name].fresh:
                        self.reader.fetch(part.stream.name, object_id)
                self.reader.group.wait()
        return unchecked

    def _unlisted(self, name: str, window: Window) -> list[int]:
        tally = self.comparer.tallies[name]
        index = tally.index
        return [
            index.ids[place]
            for place, state in enumerate(tally.states)
            if state == UNSEEN
            and index.alive[place]
            and window.gte <= index.created[place] < window.lt
        ]

    def _touched_meanwhile(self) -> dict[str, frozenset[int]]:
        """Read the events since T0 and return what they name, as hashes by stream."""
        found: dict[str, set[int]] = {}

        def note(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
            for event in events:
                for touched in touched_by(event):
                    found.setdefault(touched.stream, set()).add(hash64(touched.id.encode()))
            return []

        # Far beyond T0: however long the sweep took, the newest events are in it.
        window = Window(self.now - OVERLAP, self.now + FEED_DAYS * DAY)
        self.reader.list_window(BY_NAME["events"], window, note)
        self.reader.group.wait()
        return {name: frozenset(hashes) for name, hashes in found.items()}

    def _decide(self, stream: Stream, later: frozenset[int]) -> None:
        """Ask for the stored text of each suspect, and land those that really differ."""
        for table in self.comparer.suspects.tables(stream.name):
            for rows in in_batches(table.to_pylist(), ASKED_AT_ONCE):
                stored = self.sweep.stored.texts(stream.name, [row["id"] for row in rows])
                for row in rows:
                    self._decide_one(stream, row, stored, later)

    def _decide_one(
        self,
        stream: Stream,
        row: Mapping[str, Any],
        stored: Mapping[str, str | None],
        later: frozenset[int],
    ) -> None:
        tally = self.comparer.tallies[stream.name]
        id_hash = hash64(row["id"].encode())
        if id_hash in tally.decided:
            # A part of a list that was begun again brings its objects twice.
            return
        tally.decided.add(id_hash)
        if id_hash in later:
            tally.moving.add(id_hash)
            return
        text = stored.get(row["id"])
        fields: tuple[str, ...] = ()
        if row["deleted"]:
            kind = DriftKind.GONE
        elif text is None:
            kind = DriftKind.MISSING
        else:
            kind = DriftKind.CHANGED
            fields = differing_fields(orjson.loads(text), orjson.loads(row["object"]))
            if not fields:
                tally.equal_after_all += 1
                return
        tally.note(Difference(row["id"], kind, fields))
        if self.sweep.repair:
            obj = orjson.loads(row["object"])
            read_at = int(row["read_at"].replace(tzinfo=UTC).timestamp())
            self.landing.add(stream.name, [obj], read_at, row["read_order"])

    def _finding(self, part: Part, scope: int, unchecked: int) -> StreamFinding:
        tally = self.comparer.tallies[part.stream.name]
        found = sum(tally.counts.values())
        return StreamFinding(
            stream=part.stream.name,
            scope=scope,
            equal=tally.states.count(EQUAL) + tally.equal_after_all,
            missing=tally.counts.get(DriftKind.MISSING, 0),
            gone=tally.counts.get(DriftKind.GONE, 0),
            changed=tally.counts.get(DriftKind.CHANGED, 0),
            moving=len(tally.moving),
            unchecked=unchecked if part.window is not None else scope,
            repaired=found if self.sweep.repair else 0,
            resume_at=part.resume_at,
            named=tuple(tally.named),
        )


def sweep_account(
    reader: AccountReader,
    sweep: Sweep,
    suspects: AccountLanding,
    *,
    start: int,
    now: int,
) -> tuple[StreamFinding, ...]:
    """Compare an account's lists with what is stored, and land what differs.

    Args:
        reader: The account, after its changes were read; what differs lands where it lands.
        sweep: What to compare with, and how much of it.
        suspects: Where objects wait that seem to differ.
        start: Start of the payment history, unix seconds.
        now: T0 of the sync, unix seconds.

    Returns:
        What was found, one entry per stream.
    """
    comparer = Comparer(sweep.stored.indexes(), reader.account.seen, suspects)
    sweeping = replace(
        reader,
        landing=comparer,
        phase="comparing",
    )
    windows = {
        stream.name: Window(start if stream.kind is Kind.HISTORY else 0, now + 1)
        for stream in LISTED
    }
    return _Sweeper(sweeping, sweep, comparer, reader.landing, now).run(windows)
