"""Which endpoints there are, and which parameters each of them takes.

What belongs here: the table, nothing else; adding an endpoint is adding an entry. A test compares
every entry with Stripe's published description of the API.
"""

from dataclasses import dataclass, field
from types import MappingProxyType

from stripe_simulator.wire.parameters import Parameter

STRING = Parameter("string")
BOOLEAN = Parameter("boolean")
STRINGS = Parameter("strings")
RANGE = Parameter("range")


def enum(*values: str) -> Parameter:
    """One of the given words."""
    return Parameter("enum", values=values)


def reference(object_type: str, required: bool = False) -> Parameter:
    """The id of an object that has to exist."""
    return Parameter("string", refers_to=object_type, required=required)


EXPAND = {"expand": STRINGS}
PAGING = {
    "limit": Parameter("integer"),
    "starting_after": STRING,
    "ending_before": STRING,
    **EXPAND,
}
CREATED = {"created": RANGE}
COLLECTION = enum("charge_automatically", "send_invoice")
CUSTOMER = {"customer": reference("customer"), "customer_account": STRING}


@dataclass(frozen=True)
class Endpoint:
    """One readable resource.

    `kind` is list, retrieve or nested (a list that belongs to the object named in the path).
    `permission` is the part of a restricted key's permission between ``rak_`` and ``_read``.
    """

    path: str
    kind: str
    object_type: str
    permission: str
    parameters: MappingProxyType[str, Parameter] = field(repr=False)
    # For nested lists: the parent's type and the property of the parent that holds the list.
    parent_type: str | None = None
    parent_property: str | None = None


def _collection(
    path: str,
    object_type: str,
    permission: str,
    filters: dict[str, Parameter],
    retrieving: dict[str, Parameter] = EXPAND,
) -> list[Endpoint]:
    """A list endpoint and the retrieve endpoint beneath it."""
    listing = MappingProxyType({**PAGING, **filters})
    one = MappingProxyType(retrieving)
    return [
        Endpoint(path, "list", object_type, permission, listing),
        Endpoint(f"{path}/{{id}}", "retrieve", object_type, permission, one),
    ]


def _nested(
    path: str, object_type: str, permission: str, parent_type: str, parent_property: str
) -> Endpoint:
    """A list of what is inside another object."""
    return Endpoint(
        path,
        "nested",
        object_type,
        permission,
        MappingProxyType(dict(PAGING)),
        parent_type,
        parent_property,
    )


SUBSCRIPTION_FILTERS = {
    **CREATED,
    **CUSTOMER,
    "automatic_tax": Parameter("mapping", fields={"enabled": BOOLEAN}),
    "collection_method": COLLECTION,
    "current_period_end": RANGE,
    "current_period_start": RANGE,
    "price": STRING,
    "status": enum(
        "active",
        "all",
        "canceled",
        "ended",
        "incomplete",
        "incomplete_expired",
        "past_due",
        "paused",
        "trialing",
        "unpaid",
    ),
    "test_clock": STRING,
}

INVOICE_FILTERS = {
    **CREATED,
    **CUSTOMER,
    "collection_method": COLLECTION,
    "due_date": RANGE,
    "status": enum("draft", "open", "paid", "uncollectible", "void"),
    "subscription": reference("subscription"),
}

PRICE_FILTERS = {
    **CREATED,
    "active": BOOLEAN,
    "currency": STRING,
    "lookup_keys": STRINGS,
    "product": STRING,
    "recurring": Parameter(
        "mapping",
        fields={
            "interval": enum("day", "month", "week", "year"),
            "meter": STRING,
            "usage_type": enum("licensed", "metered"),
        },
    ),
    "type": enum("one_time", "recurring"),
}

INVOICE_PAYMENT_FILTERS = {
    **CREATED,
    "invoice": reference("invoice"),
    "payment": Parameter(
        "mapping",
        fields={
            "payment_intent": STRING,
            "payment_record": STRING,
            "type": enum("payment_intent", "payment_record"),
        },
    ),
    "status": enum("canceled", "open", "paid"),
}

CHARGE_LINKS = {"charge": reference("charge"), "payment_intent": reference("payment_intent")}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("/v1/account", "account", "account", "accounts_kyc_basic", MappingProxyType(EXPAND)),
    Endpoint(
        "/v1/accounts/{id}", "account", "account", "accounts_kyc_basic", MappingProxyType(EXPAND)
    ),
    *_collection(
        "/v1/balance_transactions",
        "balance_transaction",
        "balance_transaction_source",
        {**CREATED, "currency": STRING, "payout": STRING, "source": STRING, "type": STRING},
    ),
    *_collection(
        "/v1/charges",
        "charge",
        "charge",
        {
            **CREATED,
            "customer": reference("customer"),
            "payment_intent": reference("payment_intent"),
            "transfer_group": STRING,
        },
    ),
    _nested("/v1/charges/{id}/refunds", "refund", "charge", "charge", "refunds"),
    *_collection("/v1/coupons", "coupon", "coupon", CREATED),
    *_collection(
        "/v1/credit_notes",
        "credit_note",
        "credit_note",
        {**CREATED, **CUSTOMER, "invoice": reference("invoice")},
    ),
    _nested(
        "/v1/credit_notes/{id}/lines",
        "credit_note_line_item",
        "credit_note",
        "credit_note",
        "lines",
    ),
    *_collection(
        "/v1/customers",
        "customer",
        "customer",
        {**CREATED, "email": Parameter("string", max_length=512), "test_clock": STRING},
    ),
    *_collection("/v1/disputes", "dispute", "dispute", {**CREATED, **CHARGE_LINKS}),
    *_collection(
        "/v1/events",
        "event",
        "event",
        {**CREATED, "delivery_success": BOOLEAN, "type": STRING, "types": STRINGS},
    ),
    *_collection("/v1/invoice_payments", "invoice_payment", "invoice", INVOICE_PAYMENT_FILTERS),
    *_collection("/v1/invoices", "invoice", "invoice", INVOICE_FILTERS),
    _nested("/v1/invoices/{id}/lines", "line_item", "invoice", "invoice", "lines"),
    *_collection(
        "/v1/payment_intents",
        "payment_intent",
        "payment_intent",
        {**CREATED, **CUSTOMER},
        {**EXPAND, "client_secret": STRING},
    ),
    *_collection("/v1/prices", "price", "plan", PRICE_FILTERS),
    *_collection(
        "/v1/products",
        "product",
        "product",
        {**CREATED, "active": BOOLEAN, "ids": STRINGS, "shippable": BOOLEAN, "url": STRING},
    ),
    *_collection("/v1/refunds", "refund", "charge", {**CREATED, **CHARGE_LINKS}),
    Endpoint(
        "/v1/subscription_items",
        "items",
        "subscription_item",
        "subscription",
        MappingProxyType({**PAGING, "subscription": reference("subscription", required=True)}),
        "subscription",
        "items",
    ),
    Endpoint(
        "/v1/subscription_items/{id}",
        "retrieve",
        "subscription_item",
        "subscription",
        MappingProxyType(EXPAND),
    ),
    *_collection("/v1/subscriptions", "subscription", "subscription", SUBSCRIPTION_FILTERS),
)

# How error messages call an object that is missing.
NOUNS = {
    "balance_transaction": "balance transaction",
    "credit_note": "credit note",
    "payment_intent": "payment_intent",
    "invoice_payment": "invoice_payment",
    "line_item": "invoice line item",
    "subscription_item": "subscription_item",
    "credit_note_line_item": "credit note line item",
}
