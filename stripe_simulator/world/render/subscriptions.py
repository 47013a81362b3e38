"""Subscriptions and their items as Stripe shows them."""

from typing import TYPE_CHECKING, Any

from stripe_simulator.world.render.catalog import price
from stripe_simulator.world.state import Item, Price, Schedule, Subscription

if TYPE_CHECKING:
    from stripe_simulator.world.account import Account

# In this mode a proration's line carries its discounts apart from its amount.
BILLING_MODE = {"flexible": {"proration_discounts": "itemized"}, "type": "flexible"}


def subscription(account: "Account", thing: Subscription) -> dict[str, Any]:
    """A subscription with all of its items."""
    return {
        "id": thing.id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": thing.tax is not None,
            "liability": None if thing.tax is None else {"type": "self"},
        },
        "billing_cycle_anchor": thing.anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": BILLING_MODE,
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": thing.cancel_at,
        "cancel_at_period_end": thing.cancel_at_period_end,
        "canceled_at": thing.canceled_at,
        "cancellation_details": {
            "comment": None,
            "feedback": thing.cancel_feedback,
            "reason": thing.cancel_reason,
        },
        "collection_method": thing.collection_method,
        "created": thing.created,
        "currency": thing.currency,
        "customer": thing.customer.id,
        "days_until_due": 30 if thing.collection_method == "send_invoice" else None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [discount.id for discount in thing.discounts],
        "ended_at": thing.ended_at,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": [_item(account, thing, item) for item in thing.items],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={thing.id}",
        },
        "latest_invoice": thing.latest_invoice,
        "livemode": account.livemode,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None
        if thing.pause is None
        else {"behavior": thing.pause, "resumes_at": None},
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None if thing.schedule is None else thing.schedule.id,
        "start_date": thing.start_date,
        "status": thing.status,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": thing.trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": thing.trial_missing}},
        "trial_start": thing.trial_start,
    }


def _item(account: "Account", parent: Subscription, thing: Item) -> dict[str, Any]:
    rendered_price = price(account, thing.price)
    # Tiers are sent only with prices read for themselves: four levels of expansion do not reach.
    rendered_price.pop("tiers", None)
    rendered = {
        "id": thing.id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": thing.created,
        "current_period_end": thing.period_end,
        "current_period_start": thing.period_start,
        "discounts": [discount.id for discount in thing.discounts],
        "metadata": {},
        "price": rendered_price,
        "subscription": parent.id,
        "tax_rates": [],
    }
    if thing.quantity is not None:
        rendered["quantity"] = thing.quantity
    return rendered


def schedule(account: "Account", thing: Schedule) -> dict[str, Any]:
    """A subscription schedule with its phases."""
    start, end, _, _ = thing.phases[thing.current]
    is_active = thing.status == "active"
    return {
        "id": thing.id,
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": BILLING_MODE,
        "canceled_at": None,
        "completed_at": None,
        "created": thing.created,
        "current_phase": {"end_date": end, "start_date": start} if is_active else None,
        "customer": thing.subscription.customer.id,
        "default_settings": {
            "application_fee_percent": None,
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": None,
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": {
                "account_tax_ids": None,
                "days_until_due": None,
                "issuer": {"type": "self"},
            },
            "on_behalf_of": None,
            "transfer_data": None,
        },
        "end_behavior": "release",
        "livemode": account.livemode,
        "metadata": {},
        "phases": [_phase(*phase) for phase in thing.phases],
        "released_at": thing.completed_at,
        "released_subscription": None if is_active else thing.subscription.id,
        "status": thing.status,
        "subscription": thing.subscription.id if is_active else None,
        "test_clock": None,
    }


def _phase(start: int, end: int, of: Price, quantity: int | None) -> dict[str, Any]:
    item: dict[str, Any] = {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": {},
        "price": of.id,
        "tax_rates": [],
    }
    if quantity is not None:
        item["quantity"] = quantity
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": of.currency,
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "end_date": end,
        "invoice_settings": None,
        "items": [item],
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "none",
        "start_date": start,
        "transfer_data": None,
        "trial_end": None,
    }
