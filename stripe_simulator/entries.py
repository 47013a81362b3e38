"""One stored object: its bytes, laid out for the wire, and the values that lists filter by.

What belongs here: turning an object into an entry and back. Which entries there are is in
``store``; what the wire makes of them in ``wire.rendering``.
"""

from typing import Any

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
