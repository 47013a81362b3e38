"""What can be expanded, what is only sent when expanded, and which lists are cut.

What belongs here: one entry for each object type, as facts about Stripe's API and nothing else;
``rendering`` acts on them. A test compares the table with Stripe's published description.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Nested lists are sent with their first ten elements; `has_more` says that there are others.
NESTED_LIMIT = 10
# `data.items.data.price` is as deep as an expansion goes.
MAX_EXPAND_DEPTH = 4


@dataclass(frozen=True)
class Shape:
    """How the properties of one object type behave, by dotted path from the object.

    `references`: ids that expand into an object of one of the named types.
    `embedded`: objects (or lists and arrays of objects) that are always there whole.
    `included`: objects, lists or arrays that are left out unless the request expands them.
    """

    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    embedded: Mapping[str, str] = field(default_factory=dict)
    included: Mapping[str, str] = field(default_factory=dict)


DISCOUNT_REFERENCES = {
    "customer": ("customer",),
    "promotion_code": ("promotion_code",),
    "source.coupon": ("coupon",),
}

SHAPES: dict[str, Shape] = {
    "account": Shape(),
    "balance_transaction": Shape(
        references={"source": ("charge", "refund", "dispute", "payout", "transfer")},
    ),
    "charge": Shape(
        references={
            "application": ("application",),
            "application_fee": ("application_fee",),
            "balance_transaction": ("balance_transaction",),
            "customer": ("customer",),
            "failure_balance_transaction": ("balance_transaction",),
            "on_behalf_of": ("account",),
            "payment_intent": ("payment_intent",),
            "review": ("review",),
            "source_transfer": ("transfer",),
            "transfer": ("transfer",),
            "transfer_data.destination": ("account",),
        },
        included={"refunds": "refund"},
    ),
    "coupon": Shape(included={"applies_to": "", "currency_options": ""}),
    "credit_note": Shape(
        references={
            "customer": ("customer",),
            "customer_balance_transaction": ("customer_balance_transaction",),
            "discount_amounts.discount": ("discount",),
            "invoice": ("invoice",),
            "pretax_credit_amounts.discount": ("discount",),
            "refunds.refund": ("refund",),
        },
        embedded={"lines": "credit_note_line_item"},
    ),
    "credit_note_line_item": Shape(
        references={
            "discount_amounts.discount": ("discount",),
            "pretax_credit_amounts.discount": ("discount",),
            "taxes.tax_rate_details.tax_rate": ("tax_rate",),
        },
        embedded={"tax_rates": "tax_rate"},
    ),
    "customer": Shape(
        references={
            "default_source": ("bank_account", "card", "source"),
            "invoice_settings.default_payment_method": ("payment_method",),
            "test_clock": ("test_helpers.test_clock",),
        },
        embedded={"discount": "discount"},
        included={
            "cash_balance": "cash_balance",
            "sources": "source",
            "subscriptions": "subscription",
            "tax": "",
            "tax_ids": "tax_id",
        },
    ),
    "discount": Shape(references=DISCOUNT_REFERENCES),
    "dispute": Shape(
        references={"charge": ("charge",), "payment_intent": ("payment_intent",)},
        embedded={"balance_transactions": "balance_transaction"},
    ),
    "event": Shape(),
    "invoice": Shape(
        references={
            "account_tax_ids": ("tax_id",),
            "application": ("application",),
            "customer": ("customer",),
            "default_payment_method": ("payment_method",),
            "default_source": ("bank_account", "card", "source"),
            "discounts": ("discount",),
            "from_invoice.invoice": ("invoice",),
            "issuer.account": ("account",),
            "latest_revision": ("invoice",),
            "on_behalf_of": ("account",),
            "parent.subscription_details.subscription": ("subscription",),
            "test_clock": ("test_helpers.test_clock",),
            "total_discount_amounts.discount": ("discount",),
            "total_pretax_credit_amounts.discount": ("discount",),
            "total_taxes.tax_rate_details.tax_rate": ("tax_rate",),
        },
        embedded={"default_tax_rates": "tax_rate", "lines": "line_item"},
        included={"confirmation_secret": "", "payments": "invoice_payment"},
    ),
    "invoice_payment": Shape(
        references={
            "invoice": ("invoice",),
            "payment.charge": ("charge",),
            "payment.payment_intent": ("payment_intent",),
            "payment.payment_record": ("payment_record",),
        },
    ),
    "line_item": Shape(
        references={
            "discount_amounts.discount": ("discount",),
            "discounts": ("discount",),
            "pretax_credit_amounts.discount": ("discount",),
            "pricing.price_details.price": ("price",),
            "subscription": ("subscription",),
            "taxes.tax_rate_details.tax_rate": ("tax_rate",),
        },
    ),
    "payment_intent": Shape(
        references={
            "application": ("application",),
            "customer": ("customer",),
            "latest_charge": ("charge",),
            "on_behalf_of": ("account",),
            "payment_method": ("payment_method",),
            "review": ("review",),
            "transfer_data.destination": ("account",),
        },
    ),
    "price": Shape(
        references={"product": ("product",)},
        included={"currency_options": "", "tiers": ""},
    ),
    "product": Shape(references={"default_price": ("price",), "tax_code": ("tax_code",)}),
    "refund": Shape(
        references={
            "balance_transaction": ("balance_transaction",),
            "charge": ("charge",),
            "failure_balance_transaction": ("balance_transaction",),
            "payment_intent": ("payment_intent",),
            "source_transfer_reversal": ("transfer_reversal",),
            "transfer_reversal": ("transfer_reversal",),
        },
    ),
    "subscription": Shape(
        references={
            "application": ("application",),
            "billing_schedules.applies_to.price": ("price",),
            "customer": ("customer",),
            "default_payment_method": ("payment_method",),
            "default_source": ("bank_account", "card", "source"),
            "discounts": ("discount",),
            "latest_invoice": ("invoice",),
            "on_behalf_of": ("account",),
            "pending_setup_intent": ("setup_intent",),
            "pending_update.discounts": ("discount",),
            "schedule": ("subscription_schedule",),
            "test_clock": ("test_helpers.test_clock",),
            "transfer_data.destination": ("account",),
        },
        embedded={"default_tax_rates": "tax_rate", "items": "subscription_item"},
    ),
    "subscription_item": Shape(
        references={"discounts": ("discount",)},
        embedded={"price": "price", "tax_rates": "tax_rate"},
    ),
}

# The properties of `embedded` and `included` that are list objects, so that an expansion has to
# pass through their `data`; the others are arrays or single objects.
LISTS: frozenset[tuple[str, str]] = frozenset(
    {
        ("charge", "refunds"),
        ("credit_note", "lines"),
        ("customer", "sources"),
        ("customer", "subscriptions"),
        ("customer", "tax_ids"),
        ("invoice", "lines"),
        ("invoice", "payments"),
        ("subscription", "items"),
    }
)
