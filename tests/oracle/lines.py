"""What an invoice line says.

Belongs here: reading one line or one invoice. Not here: what follows for a subscription.
"""

from __future__ import annotations

from tests.oracle.readings import Object


def subscription_of(invoice: Object) -> str | None:
    """Return the subscription that an invoice bills."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    found = details.get("subscription")
    return None if found is None else str(found)


def details(line: Object) -> Object:
    """Return what ties a line to a subscription, and mostly to an item of it."""
    parent = line.get("parent") or {}
    return parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}


def is_proration(line: Object) -> bool:
    """Whether the line bills a part of a period."""
    return bool(details(line).get("proration"))


def is_credit(line: Object) -> bool:
    """Whether the line gives back."""
    credited = (details(line).get("proration_details") or {}).get("credited_items")
    return line["amount"] < 0 or credited is not None


def price_of(line: Object) -> str:
    """Return the id of the price."""
    return str(line["pricing"]["price_details"]["price"])


def without_undone(lines: list[Object]) -> list[Object]:
    """Leave out what one line charged and another gave back in the same second."""
    kept = list(lines)
    for credit in (line for line in lines if is_credit(line)):
        for debit in kept:
            if (
                not is_credit(debit)
                and debit["period"]["start"] == credit["period"]["start"]
                and price_of(debit) == price_of(credit)
                and debit["quantity"] == credit["quantity"]
            ):
                kept.remove(debit)
                kept.remove(credit)
                break
    return kept


def discounted(line: Object) -> int:
    """Return what discounts took off the line, minor units."""
    return sum(each["amount"] for each in line.get("discount_amounts") or [])
