"""The world's decisions, in the order in which they were taken: what the ledger reads.

What belongs here: facts of the business ("item i of subscription s has quantity q of price p from
t on"). What does not: anything of how Stripe shows them. `at` is when a fact takes effect in unix
seconds; it lies before the moment of the decision only where something was backdated.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True)
class CustomerCreated:
    """A customer exists from `at` on."""

    at: int
    customer: str


@dataclass(frozen=True, slots=True)
class CustomerDeleted:
    """A customer is gone from `at` on."""

    at: int
    customer: str


@dataclass(frozen=True, slots=True)
class SubscriptionStarted:
    """A subscription exists; `trial_start` is set where it began with a trial."""

    at: int
    subscription: str
    customer: str
    currency: str
    trial_start: int | None


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """Stripe's status of a subscription from `at` on."""

    at: int
    subscription: str
    status: str


@dataclass(frozen=True, slots=True)
class CollectionPaused:
    """`pause_collection.behavior` of a subscription from `at` on; None when it resumes."""

    at: int
    subscription: str
    behavior: str | None


@dataclass(frozen=True, slots=True)
class ItemSet:
    """An item of a subscription has this price and quantity from `at` on."""

    at: int
    subscription: str
    item: str
    price: str
    quantity: int | None


@dataclass(frozen=True, slots=True)
class ItemRemoved:
    """An item left its subscription at `at`."""

    at: int
    subscription: str
    item: str


@dataclass(frozen=True, slots=True)
class DiscountAttached:
    """A coupon applies to a target from `at` to `end` (None: no end), in listed order."""

    at: int
    discount: str
    coupon: str
    level: Literal["customer", "subscription", "item"]
    target: str
    end: int | None


@dataclass(frozen=True, slots=True)
class DiscountDetached:
    """A discount was removed, or (`once`) used by an invoice, at `at`."""

    at: int
    discount: str


@dataclass(frozen=True, slots=True)
class TaxSet:
    """The prices of a subscription include `percent` tax from `at` on; 0 where they do not."""

    at: int
    subscription: str
    percent: Decimal


@dataclass(frozen=True, slots=True)
class IntentFailed:
    """A payment, owed since `at`, failed at `seen` before there was any charge."""

    at: int
    seen: int
    payment: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class Attempted:
    """A charge was tried for `payment` (what is owed: invoice, else intent, else the charge)."""

    at: int
    charge: str
    payment: str
    customer: str | None
    currency: str
    amount: int
    outcome: Literal["succeeded", "failed", "pending"]
    captured: int


@dataclass(frozen=True, slots=True)
class AttemptSettled:
    """A pending charge came to an end, or an authorisation was captured, at `at`."""

    at: int
    charge: str
    outcome: Literal["succeeded", "failed"]
    captured: int


@dataclass(frozen=True, slots=True)
class Refunded:
    """Money of a charge goes back from `at` on; only what had come in counts."""

    at: int
    refund: str
    charge: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class RefundEnded:
    """A refund that counted failed or was canceled: it counts no more, on its own day either."""

    at: int
    refund: str


@dataclass(frozen=True, slots=True)
class DisputeMoved:
    """Money of a charge disputed at `opened` left (negative) or came back (positive) at `at`."""

    at: int
    opened: int
    dispute: str
    charge: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class InvoiceFinalised:
    """An invoice over `amount` minor units without tax, created at `created`, became binding."""

    at: int
    created: int
    invoice: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class InvoiceVoided:
    """A finalised invoice was voided."""

    at: int
    invoice: str


@dataclass(frozen=True, slots=True)
class InvoicePaidElsewhere:
    """An invoice was paid outside Stripe."""

    at: int
    created: int
    invoice: str
    customer: str
    currency: str
    amount: int


Decision = (
    CustomerCreated
    | CustomerDeleted
    | SubscriptionStarted
    | StatusChanged
    | CollectionPaused
    | ItemSet
    | ItemRemoved
    | DiscountAttached
    | DiscountDetached
    | TaxSet
    | IntentFailed
    | Attempted
    | AttemptSettled
    | Refunded
    | RefundEnded
    | DisputeMoved
    | InvoiceFinalised
    | InvoiceVoided
    | InvoicePaidElsewhere
)
