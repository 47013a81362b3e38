"""The account, its customers and their discounts as Stripe shows them."""

from typing import TYPE_CHECKING, Any

from stripe_simulator.world.state import Customer, Discount

if TYPE_CHECKING:
    from stripe_simulator.world.account import Account


def account(thing: "Account") -> dict[str, Any]:
    """The connected account itself."""
    return {
        "id": thing.id,
        "object": "account",
        "business_type": "company",
        "charges_enabled": True,
        "country": thing.country,
        "created": thing.start,
        "default_currency": thing.default_currency,
        "details_submitted": True,
        "email": f"owner@{thing.api_key_seed[:8].lower()}.example",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {
                "icon": None,
                "logo": None,
                "primary_color": None,
                "secondary_color": None,
            },
            "card_payments": {
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": thing.name, "timezone": thing.timezone},
            "payments": {
                "statement_descriptor": None,
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
        },
        "type": "standard",
    }


def customer(account: "Account", thing: Customer) -> dict[str, Any]:
    """A customer; the discount is whole, as Stripe always sends it."""
    return {
        "id": thing.id,
        "object": "customer",
        "address": None,
        "balance": thing.balance,
        "created": thing.created,
        "currency": thing.currency,
        "default_source": None,
        "delinquent": thing.delinquent,
        "description": None,
        "discount": None if thing.discount is None else discount(account, thing.discount),
        "email": thing.email,
        "invoice_prefix": thing.id[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": account.livemode,
        "metadata": {},
        "name": thing.name,
        "next_invoice_sequence": thing.invoices + 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def discount(account: "Account", thing: Discount) -> dict[str, Any]:
    """A discount; its coupon by id."""
    return {
        "id": thing.id,
        "object": "discount",
        "checkout_session": None,
        "customer": thing.customer,
        "end": thing.end,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": thing.coupon.id, "type": "coupon"},
        "start": thing.start,
        "subscription": thing.subscription,
        "subscription_item": thing.item,
    }
