"""Which objects others name, and which of them have been read: foreign keys without holes.

Only ids are remembered, never objects; and those of rows that have been written to files are looked
up there, so many at a time, so nothing here grows with the account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt_sources.stripe.streams import Stream

AT_ONCE = 200_000
"""Ids that are looked up together: 6 MB of text and as much again several times to find them by."""


def follow(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield what lies at `path` below `value`; `[]` steps into each member of a list."""
    for i, key in enumerate(path):
        if key == "[]":
            for member in value if isinstance(value, list) else ():
                yield from follow(member, path[i + 1 :])
            return
        if not isinstance(value, dict):
            return
        value = value.get(key)
    if value is not None:
        yield value


def id_of(value: Any) -> str | None:
    """Return the id that a field holds, whether it is expanded or not."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def every_reference(value: Any) -> bool:
    """Follow all references: nothing is known to be in the warehouse (first import)."""
    return True


def embedded_since(since: int) -> Callable[[Any], bool]:
    """Follow only to objects embedded whole that were created at or after `since` (unix seconds).

    Older ones were read by an earlier sync. An inline price is the case in point: it is in no
    list, and the item that carries it is where it is first seen.
    """

    def wanted(value: Any) -> bool:
        return isinstance(value, dict) and (value.get("created") or 0) >= since

    return wanted


class References:
    """Ids that an account's objects name, by stream, since they were last `taken` to a file.

    Not safe to use from many threads by itself: `AccountLanding` calls it under its lock, because
    a row and what it names must become durable together.
    """

    def __init__(self, wants: Callable[[Any], bool] = every_reference) -> None:
        self._wants = wants
        self._wanted: dict[str, set[str]] = {}

    def note(self, stream: Stream, objects: Iterable[dict[str, Any]]) -> None:
        """Remember what `objects` of `stream` name."""
        for reference in stream.references:
            wanted = self._wanted.setdefault(reference.stream, set())
            for obj in objects:
                for value in follow(obj, reference.path):
                    if self._wants(value) and (found := id_of(value)):
                        wanted.add(found)

    def follow_all(self) -> None:
        """From now on follow every reference."""
        self._wants = every_reference

    def want(self, stream_name: str, ids: Iterable[str]) -> None:
        """Ask for objects that must be read, if they are not on the way already."""
        self._wanted.setdefault(stream_name, set()).update(ids)

    @property
    def wanted(self) -> Mapping[str, set[str]]:
        """What is named and was not taken yet, by stream."""
        return self._wanted

    def take(self) -> dict[str, set[str]]:
        """Return what is named, and forget it: the caller writes it to a file."""
        taken, self._wanted = self._wanted, {}
        return taken


def absent(
    named: Iterable[pa.Array], read: Callable[[], Iterable[pa.Array]], at_once: int = AT_ONCE
) -> list[str]:
    """Return the ids that are in `named` and not in `read`, sorted, each once.

    Args:
        named: Ids, any of them several times.
        read: Yields the ids that are there; called once for every `at_once` different ids of
            `named`, so that never more than these and as many of the others are in memory.
        at_once: How many.
    """
    missing: set[str] = set()
    for wanted in _gathered(named, at_once):
        for known in _gathered(read(), at_once):
            wanted = wanted.filter(pc.invert(pc.is_in(wanted, value_set=known)))
            if not len(wanted):
                break
        missing.update(wanted.to_pylist())
    return sorted(missing)


def _gathered(arrays: Iterable[pa.Array], at_once: int) -> Iterator[pa.Array]:
    """Yield what `arrays` hold, each value once in about `at_once` of them."""
    waiting: list[pa.Array] = []
    held = 0
    for array in arrays:
        waiting.append(array)
        held += len(array)
        if held >= at_once:
            waiting = [pc.unique(pa.chunked_array(waiting, pa.string()))]
            held = len(waiting[0])
            if held > at_once // 2:
                yield waiting[0]
                waiting, held = [], 0
    if held:
        yield pc.unique(pa.chunked_array(waiting, pa.string()))
