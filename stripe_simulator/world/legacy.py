"""Payloads of events in the shapes of an old API version.

What belongs here: what moved between 2020 and the pinned version, undone. Stripe renders an event
in the version of its creation, so a reader of events has to know both shapes.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stripe_simulator.world.account import Account

VERSION = "2020-08-27"


def view(account: "Account", shown: dict[str, Any]) -> dict[str, Any]:
    """An object of the pinned version as `VERSION` showed it."""
    shape = _SHAPES.get(shown["object"])
    return shown if shape is None else shape(account, dict(shown))


def _discount(account: "Account", discount_id: str) -> dict[str, Any] | None:
    """A whole discount with its whole coupon, as it once was embedded."""
    found = account.discounts.get(discount_id)
    if found is None:
        return None
    coupon = found.coupon
    return {
        "id": found.id,
        "object": "discount",
        "checkout_session": None,
        "coupon": {
            "id": coupon.id,
            "object": "coupon",
            "amount_off": coupon.amount,
            "created": coupon.created,
            "currency": coupon.currency,
            "duration": coupon.duration,
            "duration_in_months": coupon.months,
            "livemode": account.livemode,
            "max_redemptions": None,
            "metadata": {},
            "name": coupon.name,
            "percent_off": None if coupon.percent is None else float(coupon.percent),
            "redeem_by": None,
            "times_redeemed": coupon.redeemed,
            "valid": True,
        },
        "customer": found.customer,
        "end": found.end,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "start": found.start,
        "subscription": found.subscription,
    }


def _first_discount(account: "Account", ids: list[str]) -> dict[str, Any] | None:
    return _discount(account, ids[0]) if ids else None


def _plan(price: dict[str, Any]) -> dict[str, Any]:
    """The plan that stood beside every recurring price."""
    recurring = price["recurring"] or {}
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "aggregate_usage": None,
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring.get("interval"),
        "interval_count": recurring.get("interval_count"),
        "livemode": price["livemode"],
        "metadata": {},
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"],
        "trial_period_days": None,
        "usage_type": recurring.get("usage_type"),
    }


def _subscription(account: "Account", shown: dict[str, Any]) -> dict[str, Any]:
    items = []
    for item in shown["items"]["data"]:
        old = {key: value for key, value in item.items() if not key.startswith("current_period")}
        old.pop("discounts")
        items.append(old | {"plan": _plan(item["price"])})
    first = shown["items"]["data"][0] if items else None
    for gone in ("billing_mode", "billing_schedules", "billing_cycle_anchor_config"):
        shown.pop(gone)
    shown["discount"] = _first_discount(account, shown.pop("discounts"))
    shown["items"] = shown["items"] | {"data": items, "total_count": len(items)}
    if first is not None:
        shown["current_period_start"] = first["current_period_start"]
        shown["current_period_end"] = first["current_period_end"]
    single = first if len(items) == 1 else None
    shown["plan"] = None if single is None else _plan(single["price"])
    shown["quantity"] = None if single is None else single.get("quantity")
    return shown


def _line(account: "Account", line: dict[str, Any]) -> dict[str, Any]:
    parent = line["parent"] or {}
    details = parent.get("subscription_item_details") or {}
    price_id = ((line["pricing"] or {}).get("price_details") or {}).get("price")
    price = None
    if price_id is not None:
        price = account.rendered_price(price_id)
    kept = {
        key: value
        for key, value in line.items()
        if key not in ("parent", "pricing", "quantity_decimal", "subtotal", "taxes")
    }
    return kept | {
        "invoice_item": details.get("invoice_item"),
        "plan": None if price is None else _plan(price),
        "price": price,
        "proration": details.get("proration", False),
        "subscription_item": details.get("subscription_item"),
        "tax_amounts": [],
        "type": "subscription" if details else "invoiceitem",
    }


def _invoice(account: "Account", shown: dict[str, Any]) -> dict[str, Any]:
    parent = shown.pop("parent") or {}
    subscription = (parent.get("subscription_details") or {}).get("subscription")
    intent, charge = account.collected_by(shown["id"])
    shown["lines"] = shown["lines"] | {
        "data": [_line(account, line) for line in shown["lines"]["data"]]
    }
    shown["subscription"] = subscription
    shown["payment_intent"] = intent
    shown["charge"] = charge
    shown["paid"] = shown["status"] == "paid"
    shown["discount"] = _first_discount(account, shown["discounts"])
    shown["tax"] = sum(tax["amount"] for tax in shown.pop("total_taxes")) or None
    for gone in ("total_pretax_credit_amounts", "amount_overpaid", "amount_paid_off_stripe"):
        shown.pop(gone)
    return shown


def _charge(account: "Account", shown: dict[str, Any]) -> dict[str, Any]:
    shown["invoice"] = account.invoice_of(shown["payment_intent"])
    shown["refunds"] = {
        "object": "list",
        "data": [],
        "has_more": False,
        "total_count": 0,
        "url": f"/v1/charges/{shown['id']}/refunds",
    }
    return shown


def _customer(account: "Account", shown: dict[str, Any]) -> dict[str, Any]:
    if shown["discount"] is not None:
        shown["discount"] = _discount(account, shown["discount"]["id"])
    return shown


def _bare_discount(account: "Account", shown: dict[str, Any]) -> dict[str, Any]:
    return _discount(account, shown["id"]) or shown


_SHAPES = {
    "subscription": _subscription,
    "invoice": _invoice,
    "charge": _charge,
    "customer": _customer,
    "discount": _bare_discount,
}
