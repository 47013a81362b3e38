"""Which objects others name, and which of them have been read: foreign keys without holes.

Only ids are remembered, as 64-bit hashes where the object itself has been seen; never objects.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from dlt_sources.stripe.streams import Stream


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
    """What an account's objects name, and what has been read. Safe to use from many threads."""

    def __init__(self, wants: Callable[[Any], bool] = every_reference) -> None:
        self._wants = wants
        self._lock = threading.Lock()
        self._seen: dict[str, array[int]] = {}
        self._wanted: dict[str, dict[int, str]] = {}

    def note(self, stream: Stream, objects: Iterable[dict[str, Any]]) -> None:
        """Remember that `objects` of `stream` were read, and what they name."""
        with self._lock:
            seen = self._seen.setdefault(stream.name, array("q"))
            for obj in objects:
                seen.append(hash(obj["id"]))
                for reference in stream.references:
                    wanted = self._wanted.setdefault(reference.stream, {})
                    for value in follow(obj, reference.path):
                        if self._wants(value) and (found := id_of(value)):
                            wanted[hash(found)] = found

    def follow_all(self) -> None:
        """From now on follow every reference."""
        self._wants = every_reference

    def want(self, stream_name: str, ids: Iterable[str]) -> None:
        """Ask for objects that must be read, if they are not on the way already."""
        with self._lock:
            wanted = self._wanted.setdefault(stream_name, {})
            wanted.update((hash(found), found) for found in ids)

    def seen(self, stream_name: str) -> frozenset[int]:
        """Return Python's hashes of the ids of `stream_name` that were read."""
        with self._lock:
            return frozenset(self._seen.get(stream_name, ()))

    def missing(self) -> dict[str, list[str]]:
        """Return, by stream, ids that are named and were not read; forgets that they are wanted.

        Call again after reading them: they may name further objects.
        """
        with self._lock:
            missing: dict[str, list[str]] = {}
            for stream, wanted in self._wanted.items():
                for known in self._seen.get(stream, ()):
                    wanted.pop(known, None)
                if wanted:
                    missing[stream] = sorted(wanted.values())
            self._wanted.clear()
            return missing
