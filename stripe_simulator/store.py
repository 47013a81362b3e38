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

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import orjson

from stripe_simulator.wire.shapes import NESTED_LIMIT, SHAPES, Shape

# The fields by which the wire filters lists; kept beside the bytes so that no filter has to parse.
INDEXED_FIELDS: dict[str, tuple[str, ...]] = {
    "balance_transaction": ("type", "currency", "source", "payout"),
    "charge": ("customer", "payment_intent", "transfer_group"),
    "credit_note": ("customer", "invoice", "customer_account"),
    "customer": ("email", "test_clock"),
    "dispute": ("charge", "payment_intent"),
    "event": ("type", "pending_webhooks"),
    "invoice": (
        "customer",
        "status",
        "collection_method",
        "subscription",
        "due_date",
        "customer_account",
    ),
    "invoice_payment": ("invoice", "status", "payment"),
    "payment_intent": ("customer", "customer_account"),
    "price": ("active", "currency", "product", "type", "lookup_key", "recurring"),
    "product": ("active", "shippable", "url"),
    "refund": ("charge", "payment_intent"),
    "subscription": (
        "customer",
        "status",
        "collection_method",
        "prices",
        "test_clock",
        "automatic_tax",
        "current_period_start",
        "current_period_end",
        "customer_account",
    ),
}


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

    def render(self, index: int) -> dict[str, Any]:
        """The whole current object at `index`."""


class Entry:
    """One stored object, as the bytes that the wire needs most often."""

    __slots__ = ("created", "extras", "fields", "id", "irregular", "plain", "sequence")

    def __init__(self, object_id: str, created: int, sequence: int) -> None:
        self.id = object_id
        self.created = created
        self.sequence = sequence
        # The object without `extras`: what an unexpanded answer holds, unless it is `irregular`.
        self.plain = b""
        # Top-level properties that are only sent when they are expanded.
        self.extras: dict[str, bytes] | None = None
        # Something deeper inside has to be left out or cut, so the wire must walk through it.
        self.irregular = False
        self.fields: tuple[Any, ...] = ()

    def __lt__(self, other: "Entry") -> bool:
        return (self.created, self.sequence) < (other.created, other.sequence)

    def fill(self, obj: dict[str, Any]) -> None:
        """Take a snapshot of the object's state."""
        kind = obj["object"]
        self.fields = indexed_values(kind, obj)
        self.irregular = is_irregular(obj)
        included = SHAPES[kind].included if kind in SHAPES else {}
        extras = {name: packed(obj[name]) for name in included if name in obj}
        if extras:
            obj = {name: value for name, value in obj.items() if name not in extras}
        self.extras = extras or None
        self.plain = packed(obj)

    def load(self) -> dict[str, Any]:
        """The whole object as a fresh dict."""
        loaded: dict[str, Any] = orjson.loads(self.plain)
        for name, value in (self.extras or {}).items():
            loaded[name] = orjson.loads(value)
        return loaded


def packed(value: Any) -> bytes:
    """Serialised, and copied: orjson's buffer keeps the room it grew into, 650 MB over the demo."""
    return bytes(bytearray(orjson.dumps(value)))


def is_irregular(obj: dict[str, Any]) -> bool:
    """Whether something beneath the top level is left out or cut when the object is sent."""
    kind = obj["object"]
    if kind == "event":
        carried = obj["data"].get("object") or {}
        return has_included(carried) or ("object" in carried and is_irregular(carried))
    shape = SHAPES.get(kind, Shape())
    if any(is_long(obj.get(path)) for path in shape.included):
        return True
    for path in shape.embedded:
        value = obj.get(path)
        if is_long(value):
            return True
        if isinstance(value, dict) and value.get("object") == "list":
            value = value["data"]
        for element in value if isinstance(value, list) else (value,):
            if isinstance(element, dict) and (has_included(element) or is_irregular(element)):
                return True
    return False


def is_long(value: Any) -> bool:
    """Whether a value is a list object with more elements than are sent."""
    return (
        isinstance(value, dict)
        and value.get("object") == "list"
        and len(value["data"]) > NESTED_LIMIT
    )


def has_included(obj: dict[str, Any]) -> bool:
    """Whether an object bears a property that is only sent when expanded."""
    shape = SHAPES.get(obj.get("object", ""))
    return shape is not None and any(name in obj for name in shape.included)


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
        # Grows with every change: whoever caches something about this shelf compares it.
        self.version = 0

    def put(self, obj: dict[str, Any], sequence: int) -> None:
        """Store or replace one object; an object that was deleted comes back."""
        object_id = obj["id"]
        created = int(obj.get("created") or 0)
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

    def delete(self, object_id: str) -> None:
        """Take the object out of the lists and remember that it once was."""
        entry = self.by_id.pop(object_id, None)
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


def indexed_values(object_type: str, obj: dict[str, Any]) -> tuple[Any, ...]:
    """The values of `INDEXED_FIELDS` of one object, in that order."""
    return tuple(_indexed_value(obj, field) for field in INDEXED_FIELDS.get(object_type, ()))


def _indexed_value(obj: dict[str, Any], field: str) -> Any:
    """One filterable value; some are not simply the property of that name."""
    if field == "subscription":
        parent = obj.get("parent") or {}
        return (parent.get("subscription_details") or {}).get("subscription")
    if field == "automatic_tax":
        return (obj.get("automatic_tax") or {}).get("enabled")
    if field in ("prices", "current_period_start", "current_period_end"):
        items = (obj.get("items") or {}).get("data") or []
        if field == "prices":
            return [item["price"]["id"] for item in items if item.get("price")]
        return [item.get(field) for item in items]
    if field in ("recurring", "payment"):
        return obj.get(field) or {}
    return obj.get(field)


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
        entry = shelf.by_id.get(object_id)
        if entry is not None:
            return entry.load()
        tombstone = shelf.deleted.get(object_id)
        if tombstone is not None:
            return dict(tombstone)
        if shelf.lazy is not None:
            index = shelf.lazy.index(object_id)
            if index is not None:
                return shelf.lazy.render(index)
        return None

    def exists(self, account_id: str, object_type: str, object_id: str) -> bool:
        """Whether the object exists or did before it was deleted."""
        shelf = self.shelf(account_id, object_type)
        if object_id in shelf.by_id or object_id in shelf.deleted:
            return True
        return shelf.lazy is not None and shelf.lazy.index(object_id) is not None

    def scan(self, account_id: str, object_type: str) -> Iterable[dict[str, Any]]:
        """Every object of a type that is not deleted, oldest first; unlisted ones come last."""
        shelf = self.shelf(account_id, object_type)
        yield from self._scan_lazy(shelf)
        for entry in list(shelf.order):
            if shelf.lazy is None or shelf.lazy.index(entry.id) is None:
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

    def shelf(self, account_id: str, object_type: str) -> Shelf:
        """The shelf of one type of one account, made when first asked for."""
        shelf = self._shelves.get((account_id, object_type))
        if shelf is None:
            shelf = self._shelves[account_id, object_type] = Shelf(object_type)
        return shelf

    def types(self, account_id: str) -> list[str]:
        """The types that this account has a shelf for, sorted."""
        return sorted(kind for account, kind in self._shelves if account == account_id)

    @staticmethod
    def _scan_lazy(shelf: Shelf) -> Iterator[dict[str, Any]]:
        """The rendered objects, with overrides and deletions applied."""
        if shelf.lazy is None:
            return
        for index in range(len(shelf.lazy)):
            object_id = shelf.lazy.id(index)
            if object_id in shelf.deleted:
                continue
            entry = shelf.by_id.get(object_id)
            yield entry.load() if entry is not None else shelf.lazy.render(index)
