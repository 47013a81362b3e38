"""Stripe events: what they carry of an object, and what they say has changed.

What belongs here: the shape of events. What does not: when one is sent.
"""

from typing import Any

API_VERSION = "2026-05-27.dahlia"
_ONLY_WHEN_EXPANDED = {"price": ("tiers",), "coupon": ("applies_to",), "invoice": ("payments",)}
_NESTED_LIMIT = 10


def view(obj: dict[str, Any]) -> dict[str, Any]:
    """An object as an event carries it: nothing expanded, nested lists cut at ten."""
    hidden = _ONLY_WHEN_EXPANDED.get(obj["object"], ())
    shown = {key: value for key, value in obj.items() if key not in hidden}
    for key, value in shown.items():
        if isinstance(value, dict) and value.get("object") == "list":
            data = value["data"]
            shown[key] = {
                **value,
                "data": data[:_NESTED_LIMIT],
                "has_more": value["has_more"] or len(data) > _NESTED_LIMIT,
            }
    return shown


def difference(before: dict[str, Any], after: Any) -> dict[str, Any]:
    """``previous_attributes``: the former values of what differs, objects key by key.

    Lists (also Stripe's list objects) are given whole, as Stripe does.
    """
    changed: dict[str, Any] = {}
    for key, old in before.items():
        new = after.get(key)
        if old == new:
            continue
        both = isinstance(old, dict) and isinstance(new, dict)
        changed[key] = difference(old, new) if both and old.get("object") != "list" else old
    for key in after.keys() - before.keys():
        changed[key] = None
    return changed


def build(
    event_id: str,
    event_type: str,
    created: int,
    payload: dict[str, Any],
    previous: dict[str, Any] | None,
    livemode: bool,
    api_version: str = API_VERSION,
) -> dict[str, Any]:
    """One event object.

    Args:
        event_id: ``evt_…``.
        event_type: Such as ``customer.subscription.updated``.
        created: Unix seconds.
        payload: The object after the change.
        previous: Former values, for ``….updated`` events.
        livemode: Whether real money is meant.
        api_version: The version that the payload is shaped in.
    """
    data: dict[str, Any] = {"object": payload}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": event_id,
        "object": "event",
        "api_version": api_version,
        "created": created,
        "data": data,
        "livemode": livemode,
        "pending_webhooks": 0,
        "request": {"id": None, "idempotency_key": None},
        "type": event_type,
    }
