"""The table of streams: one entry per kind of Stripe object that lands in `raw_stripe`.

Adding a stream is adding one entry to `STREAMS`; nothing else in this package names a stream.
Facts about endpoints belong here; how lists are paged, split or refetched does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

STRIPE_VERSION = "2026-05-27.dahlia"
"""Sent with every request: the shapes that the dbt models read are those of this version."""

DATASET = "raw_stripe"
"""Schema of the warehouse in which every stream's table lies."""

SYNCS_TABLE = "syncs"
"""Table with one row per completed sync of an account, loaded with the data it describes."""


class Kind(StrEnum):
    """How much of a stream a first import reads."""

    SINGLE = "single"
    """One object per account."""
    STATE = "state"
    """The whole list: foreign keys and MRR need every object, however old."""
    HISTORY = "history"
    """The window of payment history only."""
    FEED = "feed"
    """The events feed, which has its own rules (see `changes`)."""


@dataclass(frozen=True)
class Nested:
    """A list inside an object that Stripe cuts, with the endpoint that has all of it.

    Attributes:
        field: Name of the list inside the object.
        path: Endpoint; `{id}` stands for the parent's id.
        parent_param: Query parameter that names the parent, if the path does not.
        expand: Expansions of the nested objects, relative to one of them.
    """

    field: str
    path: str
    parent_param: str | None = None
    expand: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reference:
    """Where an object names an object of another stream.

    Attributes:
        stream: The other stream.
        path: Keys from the object down to the id; `[]` steps into every member of a list. The
            value may be an id or the expanded object.
    """

    stream: str
    path: tuple[str, ...]


@dataclass(frozen=True)
class Touch:
    """A kind of event that changes objects of a stream.

    Attributes:
        object_type: `object` of the event's `data.object`.
        path: Keys from that object down to the id of the stream's object. `("id",)` is the object
            itself; anything else is an indirect change.
    """

    object_type: str
    path: tuple[str, ...] = ("id",)


@dataclass(frozen=True)
class Stream:
    """One kind of object.

    Attributes:
        name: Stream and table name.
        object_type: Stripe's `object` value.
        path: List endpoint; `path/{id}` reads one object.
        kind: How much a first import reads.
        variants: Parameter sets; the union of their lists is the whole list.
        expand: Expansions, relative to one object.
        nested: Lists to complete.
        references: Objects of other streams that must exist beside this one.
        touches: Events that change objects of this stream.
        unsettled: Of a history stream, objects that may still change however old they are: a SQL
            condition on `object`. A gap in the feed makes them worth a look.
    """

    name: str
    object_type: str
    path: str
    kind: Kind
    variants: tuple[Mapping[str, str], ...] = (MappingProxyType({}),)
    expand: tuple[str, ...] = ()
    nested: tuple[Nested, ...] = ()
    references: tuple[Reference, ...] = ()
    touches: tuple[Touch, ...] = ()
    unsettled: str | None = None


_DISCOUNT_COUPON = ("source", "coupon")

STREAMS: tuple[Stream, ...] = (
    Stream("accounts", "account", "/v1/account", Kind.SINGLE),
    Stream(
        "charges",
        "charge",
        "/v1/charges",
        Kind.HISTORY,
        references=(Reference("customers", ("customer",)),),
        # A refund or a dispute changes its charge, and not always with an event of the charge.
        touches=(Touch("charge"), Touch("refund", ("charge",)), Touch("dispute", ("charge",))),
        unsettled="(object->>'status') = 'pending' or (object->>'disputed') = 'true'"
        " or ((object->>'captured') = 'false' and (object->>'status') = 'succeeded')",
    ),
    Stream(
        "refunds",
        "refund",
        "/v1/refunds",
        Kind.HISTORY,
        # The charge may be older than the window; what a refund gives back depends on it.
        references=(Reference("charges", ("charge",)),),
        touches=(Touch("refund"),),
        unsettled="(object->>'status') in ('pending', 'requires_action')",
    ),
    Stream(
        "disputes",
        "dispute",
        "/v1/disputes",
        Kind.HISTORY,
        references=(Reference("charges", ("charge",)),),
        touches=(Touch("dispute"),),
        unsettled="(object->>'status') not in ('won', 'lost', 'warning_closed', 'prevented')",
    ),
    Stream(
        "invoices",
        "invoice",
        "/v1/invoices",
        Kind.HISTORY,
        expand=("payments", "discounts"),
        nested=(
            Nested("lines", "/v1/invoices/{id}/lines"),
            Nested("payments", "/v1/invoice_payments", parent_param="invoice"),
        ),
        references=(
            Reference("customers", ("customer",)),
            Reference("subscriptions", ("parent", "subscription_details", "subscription")),
            Reference("prices", ("lines", "data", "[]", "pricing", "price_details", "price")),
            Reference("coupons", ("discounts", "[]", *_DISCOUNT_COUPON)),
        ),
        touches=(
            Touch("invoice"),
            Touch("invoice_payment", ("invoice",)),
            Touch("credit_note", ("invoice",)),
        ),
        unsettled="(object->>'status') in ('draft', 'open', 'uncollectible')",
    ),
    Stream(
        "subscriptions",
        "subscription",
        "/v1/subscriptions",
        Kind.STATE,
        # Without it canceled subscriptions are missing from the list.
        variants=(MappingProxyType({"status": "all"}),),
        expand=("discounts", "items.data.discounts"),
        nested=(
            Nested(
                "items",
                "/v1/subscription_items",
                parent_param="subscription",
                expand=("discounts",),
            ),
        ),
        references=(
            Reference("customers", ("customer",)),
            # Inline prices are in no list; they are known only from the items that use them.
            Reference("prices", ("items", "data", "[]", "price")),
            Reference("coupons", ("discounts", "[]", *_DISCOUNT_COUPON)),
            Reference("coupons", ("items", "data", "[]", "discounts", "[]", *_DISCOUNT_COUPON)),
        ),
        touches=(Touch("subscription"), Touch("discount", ("subscription",))),
    ),
    Stream(
        "customers",
        "customer",
        "/v1/customers",
        Kind.STATE,
        references=(Reference("coupons", ("discount", *_DISCOUNT_COUPON)),),
        touches=(Touch("customer"), Touch("discount", ("customer",))),
    ),
    Stream(
        "products",
        "product",
        "/v1/products",
        Kind.STATE,
        touches=(Touch("product"),),
    ),
    Stream(
        "prices",
        "price",
        "/v1/prices",
        Kind.STATE,
        # Asked for explicitly, so that archived prices cannot be left out by a default.
        variants=(MappingProxyType({"active": "true"}), MappingProxyType({"active": "false"})),
        # A subscription may be in another currency than its price.
        expand=("tiers", "currency_options"),
        references=(Reference("products", ("product",)),),
        touches=(Touch("price"),),
    ),
    Stream(
        "coupons",
        "coupon",
        "/v1/coupons",
        Kind.STATE,
        expand=("applies_to",),
        touches=(Touch("coupon"),),
    ),
    Stream("events", "event", "/v1/events", Kind.FEED),
)

BY_NAME: Mapping[str, Stream] = MappingProxyType({stream.name: stream for stream in STREAMS})

HISTORY_EVENT_TYPES: tuple[str, ...] = (
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "customer.deleted",
    "customer.discount.created",
    "customer.discount.deleted",
    "customer.discount.updated",
    "coupon.deleted",
    "invoice.deleted",
    "price.deleted",
    "price.updated",
    "product.deleted",
)
"""Events that a first import keeps of the last 30 days, because they tell history that no object
holds: past states of subscriptions and discounts, and when something was deleted. Stripe takes
at most 20 `types[]`."""
