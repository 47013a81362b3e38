"""Small hand-made Stripe objects, in the shape of the pinned API version.

Belongs here: builders with sensible defaults. Not here: expectations.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

Object = dict[str, Any]

NOW = int(dt.datetime(2026, 3, 20, 12, 0, tzinfo=dt.UTC).timestamp())
DAY = 86_400
_numbers = itertools.count(1)


def ago(days: float) -> int:
    """Return the Unix time so many days before now."""
    return NOW - int(days * DAY)


def key(prefix: str) -> str:
    """Return a fresh id."""
    return f"{prefix}_{next(_numbers):06d}"


def account(account_id: str, currency: str = "usd", timezone: str | None = None) -> Object:
    """Return an account object."""
    return {
        "id": account_id,
        "object": "account",
        "created": ago(900),
        "country": "US",
        "default_currency": currency,
        "settings": {"dashboard": {"display_name": "Example", "timezone": timezone}},
    }


def price(
    amount: str | None = "10000",
    interval: str = "month",
    count: int = 1,
    *,
    currency: str = "usd",
    usage: str = "licensed",
    product: str = "prod_a",
    tiers: list[tuple[int | None, str, str]] | None = None,
    tiers_mode: str | None = None,
    package: tuple[int, str] | None = None,
    tax_behavior: str = "exclusive",
) -> Object:
    """Return a recurring price; `tiers` holds (up to, unit amount, flat amount)."""
    return {
        "id": key("price"),
        "object": "price",
        "created": ago(800),
        "active": True,
        "type": "recurring",
        "currency": currency,
        "product": product,
        "billing_scheme": "tiered" if tiers else "per_unit",
        "recurring": {"interval": interval, "interval_count": count, "usage_type": usage},
        "unit_amount_decimal": None if tiers else amount,
        "unit_amount": None,
        "tiers_mode": tiers_mode,
        "tiers": [
            {
                "up_to": up_to,
                "unit_amount": None,
                "unit_amount_decimal": unit,
                "flat_amount": None,
                "flat_amount_decimal": flat,
            }
            for up_to, unit, flat in tiers or ()
        ],
        "transform_quantity": package and {"divide_by": package[0], "round": package[1]},
        "tax_behavior": tax_behavior,
    }


def coupon(
    percent: float | None = None,
    amount: int | None = None,
    *,
    duration: str = "forever",
    products: list[str] | None = None,
    currency: str = "usd",
) -> Object:
    """Return a coupon."""
    return {
        "id": key("coupon"),
        "object": "coupon",
        "created": ago(800),
        "duration": duration,
        "percent_off": percent,
        "amount_off": amount,
        "currency": currency if amount is not None else None,
        "applies_to": {"products": products} if products else None,
    }


def discount(of: Object, start: int, customer: str, end: int | None = None) -> Object:
    """Return a discount of a customer; subscriptions and items adopt it when they list it."""
    return {
        "id": key("di"),
        "object": "discount",
        "source": {"type": "coupon", "coupon": of["id"]},
        "start": start,
        "end": end,
        "customer": customer,
        "subscription": None,
        "subscription_item": None,
    }


def customer(customer_id: str, created: int | None = None, **fields: Any) -> Object:
    """Return a customer."""
    return {
        "id": customer_id,
        "object": "customer",
        "created": ago(300) if created is None else created,
        "name": None,
        "email": None,
        "currency": None,
        "delinquent": False,
        "address": None,
        "discount": None,
    } | fields


def item(of: Object, quantity: int | None = 1, *discounts: Object, created: int) -> Object:
    """Return a subscription item; a quantity of None leaves the field out."""
    made = {
        "id": key("si"),
        "object": "subscription_item",
        "created": created,
        "price": {name: value for name, value in of.items() if name != "tiers"},
        "discounts": list(discounts),
        "current_period_start": ago(5),
    }
    if quantity is not None:
        made["quantity"] = quantity
    return made


def subscription(
    *parts: tuple[Any, ...],
    customer_id: str = "cus_a",
    status: str = "active",
    start: int | None = None,
    currency: str = "usd",
    discounts: tuple[Object, ...] = (),
    **fields: Any,
) -> Object:
    """Return a subscription.

    Args:
        parts: One (price, quantity, *discounts) for each item.
        customer_id: Its customer.
        status: Its status now.
        start: Its start, 60 days ago by default.
        currency: Its currency.
        discounts: Discounts of the subscription, in listed order.
        fields: Any other field.
    """
    subscription_id = fields.pop("id", key("sub"))
    start = ago(60) if start is None else start
    items = [item(part[0], *part[1:], created=start) for part in parts]
    for held in discounts:
        held["subscription"] = subscription_id
    for made in items:
        for held in made["discounts"]:
            held |= {"subscription": subscription_id, "subscription_item": made["id"]}
    return {
        "id": subscription_id,
        "object": "subscription",
        "customer": customer_id,
        "status": status,
        "currency": currency,
        "created": start,
        "start_date": start,
        "trial_start": None,
        "trial_end": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "ended_at": None,
        "collection_method": "charge_automatically",
        "pause_collection": None,
        "discounts": list(discounts),
        "items": {"object": "list", "data": items, "has_more": False},
    } | fields


def line(
    subscription_id: str, of: Object, part: Object, amount: int, start: int, **fields: Any
) -> Object:
    """Return the invoice line of one item; `proration` and `credits` may be given."""
    credits = fields.pop("credits", None)
    return {
        "id": key("il"),
        "object": "line_item",
        "amount": amount,
        "currency": of["currency"],
        "quantity": part.get("quantity"),
        "period": {"start": start, "end": start + 30 * DAY},
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {
                "subscription": subscription_id,
                "subscription_item": part["id"],
                "proration": fields.pop("proration", False),
                "proration_details": {
                    "credited_items": credits and {"invoice": credits, "invoice_line_items": []}
                },
            },
        },
        "pricing": {
            "type": "price_details",
            "price_details": {"price": of["id"], "product": of["product"]},
            "unit_amount_decimal": of["unit_amount_decimal"],
        },
        "discounts": [],
        "discount_amounts": [],
        "taxes": [],
    } | fields


def invoice(*lines: Object, customer_id: str = "cus_a", created: int, **fields: Any) -> Object:
    """Return a paid invoice; other fields override."""
    total = sum(each["amount"] for each in lines)
    subscription_id = fields.pop("subscription", None)
    return {
        "id": key("in"),
        "object": "invoice",
        "number": None,
        "customer": customer_id,
        "status": "paid",
        "currency": "usd",
        "created": created,
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "period_start": created,
        "period_end": created,
        "subtotal": total,
        "total": total,
        "total_excluding_tax": total,
        "amount_due": total,
        "amount_paid": total,
        "amount_paid_off_stripe": 0,
        "amount_remaining": 0,
        "attempt_count": 1,
        "parent": subscription_id
        and {
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription_id},
        },
        "discounts": [],
        "status_transitions": {
            "finalized_at": created,
            "paid_at": created,
            "voided_at": None,
            "marked_uncollectible_at": None,
        },
        "payments": {"object": "list", "data": []},
        "lines": {"object": "list", "data": list(lines), "has_more": False},
    } | fields


def charge(amount: int, created: int, status: str = "succeeded", **fields: Any) -> Object:
    """Return a charge; a successful one is captured whole."""
    succeeded = status == "succeeded"
    return {
        "id": key("ch"),
        "object": "charge",
        "created": created,
        "customer": "cus_a",
        "currency": "usd",
        "status": status,
        "amount": amount,
        "amount_captured": amount if succeeded else 0,
        "amount_refunded": 0,
        "captured": succeeded,
        "disputed": False,
        "payment_intent": None,
        "failure_code": None if succeeded else "card_declined",
        "outcome": {"type": "authorized" if succeeded else "issuer_declined", "reason": None},
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "country": "US"}},
        "billing_details": {"address": {"country": None}},
    } | fields


def refund(of: Object, amount: int, created: int, **fields: Any) -> Object:
    """Return a refund of a charge."""
    return {
        "id": key("re"),
        "object": "refund",
        "created": created,
        "charge": of["id"],
        "payment_intent": of["payment_intent"],
        "currency": of["currency"],
        "status": "succeeded",
        "amount": amount,
        "reason": None,
    } | fields


def dispute(of: Object, status: str, created: int, *moved: tuple[int, int]) -> Object:
    """Return a dispute; each of `moved` is (amount, Unix time) of a balance transaction."""
    return {
        "id": key("du"),
        "object": "dispute",
        "created": created,
        "charge": of["id"],
        "payment_intent": None,
        "currency": of["currency"],
        "status": status,
        "amount": of["amount"],
        "reason": "fraudulent",
        "balance_transactions": [
            {
                "id": key("txn"),
                "amount": amount,
                "fee": 1500,
                "created": at,
                "currency": of["currency"],
            }
            for amount, at in moved
        ],
    }


def event(kind: str, of: Object, created: int, previous: Object | None = None) -> Object:
    """Return an event; its payload is `of` as given, discounts as ids."""
    data: Object = {"object": of}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": key("evt"),
        "object": "event",
        "type": kind,
        "created": created,
        "api_version": "2026-05-27.dahlia",
        "data": data,
    }
