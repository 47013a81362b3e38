"""The current state of every simulated object, by account and type.

What belongs here: keeping objects as the world writes them, in creation order, so that the wire
can list, filter and serialise them quickly. What does not: Stripe's list semantics, expansion,
stripping of fields (``wire/``) and every decision about what objects exist (``world/``).

An object is kept as its serialised bytes: `put` takes a snapshot, so a caller may go on changing
its own dict, and a million objects cost their JSON size and no more. The bytes are laid out for
the answer that is asked for most, the unexpanded one, so that a page is a join of what is there. A
type whose objects are too many even for that is attached as a `LazySequence` that renders them on
demand.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from stripe_simulator.entries import Entry


class LazySequence(Protocol):
    """Objects of one type of one account, in creation order, rendered when somebody asks."""

    def __len__(self) -> int:
        """How many objects there are; may grow while the world advances."""

    def created(self, index: int) -> int:
        """Unix seconds of the object at `index`; never decreases with the index."""

    def id(self, index: int) -> str:
        """The id of the object at `index`."""

    def index(self, object_id: str) -> int | None:
        """Where the object with this id is, or None."""

    def entry(self, index: int) -> Entry:
        """The current object at `index`, made anew at each call."""


def _created(entry: Entry) -> int:
    """Key for bisection by time."""
    return entry.created


class Shelf:
    """All objects of one type of one account, in creation order (`created`, then arrival)."""

    def __init__(self, object_type: str) -> None:
        self.object_type = object_type
        self.by_id: dict[str, Entry] = {}
        self.order: list[Entry] = []
        self.deleted: dict[str, dict[str, Any]] = {}
        # Objects that answer by id and are in no list, such as inline prices.
        self.unlisted: dict[str, Entry] = {}
        self.lazy: LazySequence | None = None
        # Objects of the lazy sequence that were put since.
        self.overrides: dict[str, Entry] = {}
        # Grows with every change: whoever caches something about this shelf compares it.
        self.version = 0

    def put(self, obj: dict[str, Any], sequence: int) -> None:
        """Store or replace one object; an object that was deleted comes back."""
        object_id = obj["id"]
        created = int(obj.get("created") or 0)
        if self.lazy is not None and self.lazy.index(object_id) is not None:
            self._override(object_id, created, sequence).fill(obj)
            return
        entry = self.by_id.get(object_id)
        if entry is not None and entry.created != created and object_id not in self.unlisted:
            del self.order[bisect_left(self.order, entry)]
            entry = None
        if entry is None:
            entry = Entry(object_id, created, sequence)
            self.by_id[object_id] = entry
            if self.order and entry < self.order[-1]:
                insort(self.order, entry)
            else:
                self.order.append(entry)
        entry.fill(obj)
        self.deleted.pop(object_id, None)
        self.version += 1

    def _override(self, object_id: str, created: int, sequence: int) -> Entry:
        """The entry that stands in for an object of the lazy sequence."""
        self.version += 1
        self.deleted.pop(object_id, None)
        entry = self.overrides.get(object_id)
        if entry is None:
            entry = self.overrides[object_id] = Entry(object_id, created, sequence)
        return entry

    def find(self, object_id: str) -> Entry | None:
        """The entry of an object that is not deleted."""
        entry = self.by_id.get(object_id) or self.overrides.get(object_id)
        if entry is None and self.lazy is not None and object_id not in self.deleted:
            index = self.lazy.index(object_id)
            if index is not None:
                entry = self.at(index)
        return entry

    def __len__(self) -> int:
        """How many places there are in creation order, those of deleted lazy objects included."""
        return len(self.order) + (len(self.lazy) if self.lazy is not None else 0)

    def at(self, position: int) -> Entry:
        """The entry at a place in creation order; a lazy object is rendered for it."""
        if self.lazy is None:
            return self.order[position]
        if position >= len(self.lazy):
            return self.order[position - len(self.lazy)]
        object_id = self.lazy.id(position)
        entry = self.overrides.get(object_id)
        return self.lazy.entry(position) if entry is None else entry

    def first_at_or_after(self, seconds: int) -> int:
        """The first place whose object was created at this moment or later."""
        if self.lazy is None:
            return bisect_left(self.order, seconds, key=_created)
        before = bisect_left(range(len(self.lazy)), seconds, key=self.lazy.created)
        if before < len(self.lazy):
            return before
        return before + bisect_left(self.order, seconds, key=_created)

    def place_of(self, entry: Entry) -> int:
        """The place of an entry, or the one where it would be if it were listed."""
        if self.lazy is None:
            return bisect_left(self.order, entry)
        index = self.lazy.index(entry.id)
        return len(self.lazy) + bisect_left(self.order, entry) if index is None else index

    def place_after(self, entry: Entry) -> int:
        """The first place behind an entry."""
        if self.lazy is None:
            return bisect_right(self.order, entry)
        index = self.lazy.index(entry.id)
        return len(self.lazy) + bisect_right(self.order, entry) if index is None else index + 1

    def is_listed(self, entry: Entry) -> bool:
        """Whether an entry is in the lists: a deleted lazy one keeps its place, but is not."""
        return entry.id not in self.deleted

    def delete(self, object_id: str) -> None:
        """Take the object out of the lists and remember that it once was."""
        entry = self.by_id.pop(object_id, None)
        self.overrides.pop(object_id, None)
        if self.unlisted.pop(object_id, None) is None and entry is not None:
            del self.order[bisect_left(self.order, entry)]
        # An event that is gone was never there; everything else leaves a tombstone.
        if self.object_type != "event":
            self.deleted[object_id] = {"id": object_id, "object": self.object_type, "deleted": True}
        self.version += 1

    def hide(self, object_id: str) -> None:
        """Take the object out of the lists; by id it still answers, and later puts stay hidden."""
        entry = self.by_id[object_id]
        if object_id not in self.unlisted:
            del self.order[bisect_left(self.order, entry)]
            self.unlisted[object_id] = entry
            self.version += 1


class ObjectStore:
    """Every object of every account. One writer (the world), one reader (the wire), one thread."""

    def __init__(self) -> None:
        self._shelves: dict[tuple[str, str], Shelf] = {}
        self._sequence = 0
        # Told about every new event, with the account that it belongs to.
        self.on_event: Callable[[str, dict[str, Any]], None] | None = None

    def put(self, account_id: str, obj: dict[str, Any]) -> None:
        """Store the current state of an object; its type is ``obj["object"]``.

        Args:
            account_id: The account that owns it.
            obj: The object, complete: references are ids, nested lists are whole, fields that
                Stripe only sends when expanded are present. Copied, so the caller may reuse it.
        """
        self._sequence += 1
        self.shelf(account_id, obj["object"]).put(obj, self._sequence)
        if self.on_event is not None and obj["object"] == "event":
            self.on_event(account_id, obj)

    def delete(self, account_id: str, object_type: str, object_id: str) -> None:
        """Remove an object from the lists; by id it answers ``deleted: true`` from now on."""
        self.shelf(account_id, object_type).delete(object_id)

    def hide(self, account_id: str, object_type: str, object_id: str) -> None:
        """Leave a stored object out of every list; reading it by id still works."""
        self.shelf(account_id, object_type).hide(object_id)

    def get(self, account_id: str, object_type: str, object_id: str) -> dict[str, Any] | None:
        """The object, its tombstone when it was deleted, or None when it never existed."""
        shelf = self.shelf(account_id, object_type)
        entry = shelf.find(object_id)
        if entry is not None:
            return entry.load()
        tombstone = shelf.deleted.get(object_id)
        return None if tombstone is None else dict(tombstone)

    def exists(self, account_id: str, object_type: str, object_id: str) -> bool:
        """Whether the object exists or did before it was deleted."""
        shelf = self.shelf(account_id, object_type)
        if object_id in shelf.by_id or object_id in shelf.deleted:
            return True
        return shelf.lazy is not None and shelf.lazy.index(object_id) is not None

    def scan(self, account_id: str, object_type: str) -> Iterable[dict[str, Any]]:
        """Every object of a type that is not deleted, oldest first; unlisted ones come last."""
        shelf = self.shelf(account_id, object_type)
        for position in range(len(shelf)):
            entry = shelf.at(position)
            if shelf.is_listed(entry):
                yield entry.load()
        for entry in list(shelf.unlisted.values()):
            yield entry.load()

    def attach(self, account_id: str, object_type: str, sequence: LazySequence) -> None:
        """Serve a type from a lazy sequence.

        Objects that are `put` beside it override the rendered object of the same id; those with
        new ids count as newer than everything in the sequence.
        """
        shelf = self.shelf(account_id, object_type)
        shelf.lazy = sequence
        shelf.version += 1

    def share(self, account_id: str, object_type: str, shelf: Shelf) -> None:
        """Serve a type from a shelf that somebody else fills."""
        self._shelves[account_id, object_type] = shelf

    def shelf(self, account_id: str, object_type: str) -> Shelf:
        """The shelf of one type of one account, made when first asked for."""
        shelf = self._shelves.get((account_id, object_type))
        if shelf is None:
            shelf = self._shelves[account_id, object_type] = Shelf(object_type)
        return shelf

    def types(self, account_id: str) -> list[str]:
        """The types that this account has a shelf for, sorted."""
        return sorted(kind for account, kind in self._shelves if account == account_id)
