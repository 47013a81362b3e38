"""Invoices, their lines and their payments as Stripe shows them."""

from typing import TYPE_CHECKING, Any

from stripe_simulator.world.clock import DAY
from stripe_simulator.world.render.catalog import decimal_text
from stripe_simulator.world.state import CreditNote, Invoice, InvoicePayment, Line

if TYPE_CHECKING:
    from stripe_simulator.world.account import Account


def invoice(account: "Account", thing: Invoice) -> dict[str, Any]:
    """An invoice with all of its lines and payments."""
    final = thing.status not in ("draft",)
    discounts: dict[str, int] = {}
    for line in thing.lines:
        for discount, amount in line.discounts:
            discounts[discount.id] = discounts.get(discount.id, 0) + amount
    remaining = 0 if thing.status == "paid" else max(0, thing.amount_due - thing.amount_paid)
    by_hand = (
        thing.subscription is not None and thing.subscription.collection_method == "send_invoice"
    )
    taxed = thing.subscription is not None and thing.subscription.tax is not None
    lines = [_line(account, thing, line) for line in thing.lines]
    payments = [] if thing.payment is None else [invoice_payment(account, thing.payment)]
    return {
        "id": thing.id,
        "object": "invoice",
        "account_country": account.country,
        "account_name": account.name,
        "account_tax_ids": None,
        "amount_due": thing.amount_due,
        "amount_overpaid": 0,
        "amount_paid": thing.amount_paid + thing.paid_elsewhere,
        "amount_paid_off_stripe": thing.paid_elsewhere,
        "amount_remaining": remaining,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": thing.attempts,
        "attempted": thing.attempts > 0 or (final and thing.amount_due == 0),
        "auto_advance": thing.auto_advance and thing.status in ("draft", "open"),
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": taxed,
            "liability": {"type": "self"} if taxed else None,
            "provider": "stripe" if taxed else None,
            "status": "complete" if taxed else None,
        },
        "automatically_finalizes_at": thing.created + 3600
        if thing.status == "draft" and thing.auto_advance
        else None,
        "billing_reason": thing.reason,
        "collection_method": "send_invoice" if by_hand else "charge_automatically",
        "created": thing.created,
        "currency": thing.currency,
        "custom_fields": None,
        "customer": thing.customer.id,
        "customer_address": None,
        "customer_email": thing.customer.email,
        "customer_name": thing.customer.name,
        "customer_phone": None,
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [discount.id for discount in thing.discounts],
        "due_date": thing.finalized_at + 30 * DAY
        if thing.finalized_at is not None and by_hand
        else None,
        "effective_at": thing.finalized_at,
        "ending_balance": thing.ending_balance,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": f"https://invoice.stripe.com/i/{account.id}/{thing.id}"
        if final
        else None,
        "invoice_pdf": f"https://pay.stripe.com/invoice/{account.id}/{thing.id}/pdf"
        if final
        else None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {
            "object": "list",
            "data": lines,
            "has_more": False,
            "url": f"/v1/invoices/{thing.id}/lines",
        },
        "livemode": account.livemode,
        "metadata": {},
        "next_payment_attempt": thing.next_attempt,
        "number": thing.number,
        "on_behalf_of": None,
        "parent": _parent(thing),
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "payments": {
            "object": "list",
            "data": payments,
            "has_more": False,
            "url": f"/v1/invoice_payments?invoice={thing.id}",
        },
        "period_end": thing.period_end,
        "period_start": thing.period_start,
        "post_payment_credit_notes_amount": thing.credited_after,
        "pre_payment_credit_notes_amount": thing.credited_before,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": thing.starting_balance,
        "statement_descriptor": None,
        "status": thing.status,
        "status_transitions": {
            "finalized_at": thing.finalized_at,
            "marked_uncollectible_at": thing.uncollectible_at,
            "paid_at": thing.paid_at,
            "voided_at": thing.voided_at,
        },
        "subtotal": thing.subtotal,
        "subtotal_excluding_tax": thing.subtotal - _inclusive_tax(thing),
        "test_clock": None,
        "total": thing.total,
        "total_discount_amounts": [
            {"amount": amount, "discount": discount} for discount, amount in discounts.items()
        ],
        "total_excluding_tax": thing.total - thing.tax,
        "total_pretax_credit_amounts": [],
        "total_taxes": _total_taxes(thing),
        "webhooks_delivered_at": thing.created,
    }


def _inclusive_tax(thing: Invoice) -> int:
    return sum(line.tax for line in thing.lines if line.tax_inclusive)


def _parent(thing: Invoice) -> dict[str, Any] | None:
    if thing.subscription is None:
        return None
    details: dict[str, Any] = {"metadata": {}, "subscription": thing.subscription.id}
    if thing.proration_date is not None:
        details["subscription_proration_date"] = thing.proration_date
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def _line(account: "Account", parent: Invoice, thing: Line) -> dict[str, Any]:
    return {
        "id": thing.id,
        "object": "line_item",
        "amount": thing.amount,
        "currency": parent.currency,
        "description": thing.description,
        "discount_amounts": [
            {"amount": amount, "discount": discount.id} for discount, amount in thing.discounts
        ],
        "discountable": not thing.proration,
        "discounts": [discount.id for discount, _ in thing.discounts[: thing.own_discounts]],
        "invoice": parent.id,
        "livemode": account.livemode,
        "metadata": {},
        "parent": _line_parent(thing),
        "period": {"end": thing.end, "start": thing.start},
        "pretax_credit_amounts": [],
        "pricing": _pricing(thing),
        "quantity": thing.quantity,
        "quantity_decimal": None if thing.quantity is None else str(thing.quantity),
        "subscription": thing.subscription,
        "subtotal": thing.amount,
        "taxes": _taxes(thing),
    }


def _line_parent(thing: Line) -> dict[str, Any] | None:
    proration: dict[str, Any] = {"credited_items": None}
    if thing.credits is not None:
        source, line = thing.credits
        proration = {"credited_items": {"invoice": source, "invoice_line_items": [line]}}
    if thing.item is not None:
        return {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": thing.invoice_item,
                "proration": thing.proration,
                "proration_details": proration,
                "subscription": thing.subscription,
                "subscription_item": thing.item,
            },
            "type": "subscription_item_details",
        }
    if thing.invoice_item is None:
        return None
    return {
        "invoice_item_details": {
            "invoice_item": thing.invoice_item,
            "proration": thing.proration,
            "proration_details": proration,
            "subscription": thing.subscription,
        },
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }


def _pricing(thing: Line) -> dict[str, Any] | None:
    if thing.price is None:
        return None
    return {
        "price_details": {"price": thing.price.id, "product": thing.price.product},
        "type": "price_details",
        "unit_amount_decimal": decimal_text(thing.price.unit),
    }


def _taxes(thing: Line) -> list[dict[str, Any]]:
    if not thing.tax:
        return []
    return [_tax(thing.tax, thing.net, thing.tax_inclusive)]


def _total_taxes(thing: Invoice) -> list[dict[str, Any]]:
    taxed = [line for line in thing.lines if line.tax]
    if not taxed:
        return []
    net = sum(line.net for line in taxed)
    return [_tax(thing.tax, net, taxed[0].tax_inclusive)]


def _tax(amount: int, net: int, inclusive: bool) -> dict[str, Any]:
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if inclusive else "exclusive",
        "tax_rate_details": {"tax_rate": "txr_1SimulatedStandardRate20"},
        "taxability_reason": "standard_rated",
        "taxable_amount": net - amount if inclusive else net,
        "type": "tax_rate_details",
    }


def invoice_payment(account: "Account", thing: InvoicePayment) -> dict[str, Any]:
    """The link between an invoice and a PaymentIntent."""
    return {
        "id": thing.id,
        "object": "invoice_payment",
        "amount_paid": thing.paid,
        "amount_requested": thing.requested,
        "created": thing.created,
        "currency": thing.currency,
        "invoice": thing.invoice,
        "is_default": True,
        "livemode": account.livemode,
        "payment": {"payment_intent": thing.intent, "type": "payment_intent"},
        "status": thing.status,
        "status_transitions": {"canceled_at": thing.canceled_at, "paid_at": thing.paid_at},
    }


def credit_note(account: "Account", thing: CreditNote) -> dict[str, Any]:
    """A credit note over one amount of its invoice."""
    currency = thing.invoice.currency
    net = thing.amount - thing.tax
    line = {
        "id": f"cnli_{thing.id[3:]}",
        "object": "credit_note_line_item",
        "amount": net,
        "description": "Credit",
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": account.livemode,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": "custom_line_item",
        "unit_amount": net,
        "unit_amount_decimal": str(net),
    }
    refunds = []
    if thing.refund is not None:
        refunds = [
            {
                "amount_refunded": thing.refund.amount,
                "payment_record_refund": None,
                "refund": thing.refund.id,
                "type": "refund",
            }
        ]
    return {
        "id": thing.id,
        "object": "credit_note",
        "amount": thing.amount,
        "amount_shipping": 0,
        "created": thing.created,
        "currency": currency,
        "customer": thing.invoice.customer.id,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": thing.created,
        "invoice": thing.invoice.id,
        "lines": {
            "object": "list",
            "data": [line],
            "has_more": False,
            "url": f"/v1/credit_notes/{thing.id}/lines",
        },
        "livemode": account.livemode,
        "memo": None,
        "metadata": {},
        "number": thing.number,
        "out_of_band_amount": thing.outside or None,
        "pdf": f"https://pay.stripe.com/credit_notes/{account.id}/{thing.id}/pdf",
        "post_payment_amount": 0 if thing.pre_payment else thing.amount,
        "pre_payment_amount": thing.amount if thing.pre_payment else 0,
        "pretax_credit_amounts": [],
        "reason": "product_unsatisfactory",
        "refunds": refunds,
        "shipping_cost": None,
        "status": "issued",
        "subtotal": net,
        "subtotal_excluding_tax": net,
        "total": thing.amount,
        "total_excluding_tax": net,
        "total_taxes": [],
        "type": "pre_payment" if thing.pre_payment else "post_payment",
        "voided_at": None,
    }
