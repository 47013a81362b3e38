"""What must hold between a world's Stripe objects and the ledger of its truth.

What belongs here: checks that list what is wrong. They know Stripe's fields and the ledger's
results, and none of the world's rules.
"""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from stripe_simulator.ledger import truth
from stripe_simulator.ledger.money import MICRO, exponent
from stripe_simulator.ledger.mrr import MrrHistory
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import World
from stripe_simulator.world.account import Account

MOVEMENTS = ("new", "reactivation", "expansion", "contraction", "churn")


def broken(world: World, store: ObjectStore) -> list[str]:
    """Everything that does not hold, in words."""
    found: list[str] = []
    for account in world.accounts:
        objects = {kind: list(store.scan(account.id, kind)) for kind in store.types(account.id)}
        found += _same_present(account, objects)
        found += _sums_of_items(world, account)
        found += _roll_forward(world, account)
        found += _money(world, account, objects)
        found += _invoices(objects)
        found += _events(objects)
    return found


def _today(account: Account) -> date:
    zone = UTC if account.timezone is None else ZoneInfo(account.timezone)
    return datetime.fromtimestamp(account.now, zone).date()


def _same_present(account: Account, objects: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Status, items and quantities that the ledger replayed are those that Stripe shows."""
    replayed = MrrHistory(account).subscriptions
    found = []
    for shown in objects.get("subscription", []):
        own = replayed[shown["id"]]
        if own.status != shown["status"]:
            found.append(f"{shown['id']}: ledger says {own.status}, Stripe {shown['status']}")
        if (shown["status"] in ("canceled", "incomplete_expired")) != bool(shown["ended_at"]):
            found.append(f"{shown['id']}: {shown['status']} with ended_at {shown['ended_at']}")
        items = {
            item["id"]: (item["price"]["id"], item.get("quantity"))
            for item in shown["items"]["data"]
        }
        if items != own.items:
            found.append(f"{shown['id']}: items {own.items} in the ledger, {items} in Stripe")
    return found


def _sums_of_items(world: World, account: Account) -> list[str]:
    """Σ items = Σ customers = total, at every close."""
    history = MrrHistory(account)
    last = _today(account)
    first = min([closing.day for closing in history.item_closings], default=last)
    days = truth(world, account.id, first, last)
    by_day = defaultdict(list)
    for closing in history.item_closings:
        by_day[closing.day].append(closing)
    items: dict[str, tuple[str, int]] = {}
    customers: dict[tuple[str, str], int] = {}
    found = []
    day = first
    while day <= last:
        for closing in by_day[day]:
            items[closing.item] = (closing.currency, closing.mrr[1])
        for key, mrr in history.closings.get(day, {}).items():
            customers[key] = mrr[1]
        for currency, numbers in days[day].items():
            of_items = sum(mrr for of, mrr in items.values() if of == currency)
            of_customers = sum(mrr for (_, of), mrr in customers.items() if of == currency)
            total = Fraction(numbers["mrr"] or 0) * MICRO * 10 ** exponent(currency)
            if not of_items == of_customers == total:
                found.append(f"{day} {currency}: {of_items} / {of_customers} / {total}")
        day += timedelta(days=1)
    return found


def _roll_forward(world: World, account: Account) -> list[str]:
    """Closing = opening + movements, for each customer and for the account."""
    found = []
    closings: dict[tuple[str, str], int] = {}
    for movement in MrrHistory(account).movements:
        key = (movement.customer, movement.currency)
        if closings.get(key, 0) != movement.opening:
            found.append(f"{movement}: opening is not the closing before")
        if movement.opening == movement.closing or min(movement.opening, movement.closing) < 0:
            found.append(f"{movement}: no movement at all, or below zero")
        closings[key] = movement.closing
    last = _today(account)
    days = truth(world, account.id, last - timedelta(days=120), last)
    before: dict[str, Any] = {}
    for day in sorted(days):
        for currency, numbers in days[day].items():
            moved = sum(numbers[f"mrr_{kind}"] or 0 for kind in MOVEMENTS)
            if numbers["mrr"] != (numbers["mrr_opening"] or 0) + moved:
                found.append(f"{day} {currency}: closing is not opening plus movements")
            if currency in before and numbers["mrr_opening"] != before[currency]:
                found.append(f"{day} {currency}: opening is not the closing before")
            before[currency] = numbers["mrr"]
    return found


def _money(world: World, account: Account, objects: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Captured money by day is the ledger's; a charge's refunds are what it says of them."""
    found = []
    back: Counter[str] = Counter()
    for refund in objects.get("refund", []):
        if refund["status"] not in ("failed", "canceled"):
            back[refund["charge"]] += refund["amount"]
    for charge in objects.get("charge", []):
        if charge["amount_refunded"] != back[charge["id"]]:
            found.append(
                f"{charge['id']}: {charge['amount_refunded']} refunded, refunds are "
                f"{back[charge['id']]}"
            )
    last = _today(account)
    first = last - timedelta(days=60)
    days = truth(world, account.id, first, last, history_start=account.start)
    zone = UTC if account.timezone is None else ZoneInfo(account.timezone)
    gross: Counter[tuple[date, str]] = Counter()
    for charge in objects.get("charge", []):
        day = datetime.fromtimestamp(charge["created"], zone).date()
        if charge["status"] == "succeeded":
            gross[day, charge["currency"]] += charge["amount_captured"]
    for day, currencies in days.items():
        for currency, numbers in currencies.items():
            shown = Fraction(gross[day, currency], 10 ** exponent(currency))
            if Fraction(numbers["gross_revenue"] or 0) != shown:
                found.append(f"{day} {currency}: {numbers['gross_revenue']} but charges {shown}")
    return found


def _invoices(objects: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The sums of an invoice are the sums of its lines; nothing is due once it is paid."""
    found = []
    for invoice in objects.get("invoice", []):
        lines = invoice["lines"]["data"]
        off = sum(part["amount"] for part in invoice["total_discount_amounts"])
        taxes = invoice["total_taxes"]
        extra = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
        if invoice["subtotal"] != sum(line["amount"] for line in lines):
            found.append(f"{invoice['id']}: subtotal is not the sum of its lines")
        if invoice["total"] != invoice["subtotal"] - off + extra:
            found.append(f"{invoice['id']}: total is not subtotal less discounts plus tax")
        if invoice["status"] == "paid" and invoice["amount_remaining"]:
            found.append(f"{invoice['id']}: paid, and something remains")
        for line in lines:
            parent = (line["parent"] or {}).get("subscription_item_details") or {}
            is_credit = line["description"].startswith("Unused")
            if parent.get("proration") and (line["amount"] > 0) == is_credit and line["amount"]:
                found.append(f"{line['id']}: a credit that is owed, or a debit that is given")
    return found


def _events(objects: dict[str, list[dict[str, Any]]]) -> list[str]:
    """`previous_attributes` name what differs, and the newest event shows the present object."""
    found = []
    newest: dict[str, dict[str, Any]] = {}
    for event in objects.get("event", []):
        shown = event["data"]["object"]
        for key, old in event["data"].get("previous_attributes", {}).items():
            if shown.get(key) == old and old is not None:
                found.append(f"{event['id']}: {key} did not change")
        if shown["object"] == "subscription" and event["api_version"].startswith("2026"):
            newest[shown["id"]] = shown
    present = {each["id"]: each for each in objects.get("subscription", [])}
    for subscription_id, shown in newest.items():
        for key in ("status", "cancel_at_period_end", "ended_at", "pause_collection", "discounts"):
            if present[subscription_id][key] != shown[key]:
                found.append(f"{subscription_id}: the newest event has another {key}")
    return found
