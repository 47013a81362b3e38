"""What exists in one account: the world's own objects, smaller and plainer than Stripe's.

What belongs here: data. What does not: rules (`lifecycle`, `billing`, `payments`) and how Stripe
shows these objects (`render`). All money is whole minor units, all instants unix seconds.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random


@dataclass(slots=True)
class Product:
    """Something that is sold."""

    id: str
    created: int
    name: str
    updated: int
    active: bool = True


@dataclass(slots=True)
class Tier:
    """One step of a tiered price; `up_to` None is the last."""

    up_to: int | None
    unit: Decimal | None = None
    flat: Decimal | None = None


@dataclass(slots=True)
class Price:
    """A price in minor units; `interval` None is a one-time price."""

    id: str
    created: int
    product: str
    currency: str
    unit: Decimal | None
    interval: str | None = "month"
    interval_count: int = 1
    nickname: str | None = None
    active: bool = True
    metered: bool = False
    tiers: list[Tier] = field(default_factory=list)
    tiers_mode: str | None = None
    divide_by: int | None = None
    round_up: bool = True
    tax_behavior: str = "unspecified"
    inline: bool = False


@dataclass(slots=True)
class Coupon:
    """A reduction by `percent` or by `amount` minor units of `currency`."""

    id: str
    created: int
    name: str
    duration: str
    percent: Decimal | None = None
    amount: int | None = None
    currency: str | None = None
    months: int | None = None
    products: list[str] = field(default_factory=list)
    redeemed: int = 0


@dataclass(slots=True)
class Shop:
    """What the customers of an account can choose from."""

    monthly: list[Price] = field(default_factory=list)
    yearly: list[Price] = field(default_factory=list)
    monthly_extra: list[Price] = field(default_factory=list)
    yearly_extra: list[Price] = field(default_factory=list)
    forever: list[Coupon] = field(default_factory=list)
    once: list[Coupon] = field(default_factory=list)
    repeating: list[Coupon] = field(default_factory=list)


@dataclass(slots=True)
class Discount:
    """A coupon attached to a customer, a subscription or an item."""

    id: str
    coupon: Coupon
    start: int
    end: int | None
    customer: str
    subscription: str | None = None
    item: str | None = None


@dataclass(slots=True)
class Customer:
    """A customer, with the random source of all of their own decisions."""

    id: str
    created: int
    name: str
    email: str
    rng: Random
    currency: str | None = None
    balance: int = 0
    delinquent: bool = False
    discount: Discount | None = None
    deleted: bool = False
    invoices: int = 0
    last4: str = "4242"
    # Where the card was issued, in two letters.
    country: str = "US"
    # Without a card no attempt is made: what happens to a trial then is up to the subscription.
    has_card: bool = True
    # Outcomes that are decided beforehand, first in first out; empty: chance decides.
    scripted: list[str] = field(default_factory=list)
    subscriptions: list["Subscription"] = field(default_factory=list)


@dataclass(slots=True)
class Item:
    """One price and quantity of a subscription, with the period that is paid."""

    id: str
    created: int
    price: Price
    quantity: int | None
    period_start: int
    period_end: int
    discounts: list[Discount] = field(default_factory=list)
    # The line that billed the current period: what a proration gives credit for.
    billed_by: tuple[str, str] | None = None


@dataclass(slots=True)
class Subscription:
    """A subscription and the handles of its next billing."""

    id: str
    created: int
    customer: Customer
    currency: str
    start_date: int
    anchor: int
    status: str
    items: list[Item] = field(default_factory=list)
    discounts: list[Discount] = field(default_factory=list)
    trial_start: int | None = None
    trial_end: int | None = None
    trial_missing: str = "cancel"
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    canceled_at: int | None = None
    cancel_reason: str | None = None
    cancel_feedback: str | None = None
    ended_at: int | None = None
    pause: str | None = None
    collection_method: str = "charge_automatically"
    # Percent and whether prices include it.
    tax: tuple[Decimal, bool] | None = None
    invoices: list["Invoice"] = field(default_factory=list)
    # Lines that wait for the next invoice.
    pending: list["Line"] = field(default_factory=list)
    # Prices and quantities that take effect at the next billing date.
    upcoming: list[tuple["Item", Price, int | None]] = field(default_factory=list)
    schedule: "Schedule | None" = None
    # Grows whenever the coming billing dates change; actions of an older plan then do nothing.
    plan: int = 0
    after_dunning: str = "cancel"

    @property
    def latest_invoice(self) -> str | None:
        """The id of the newest invoice."""
        return self.invoices[-1].id if self.invoices else None

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in ("canceled", "incomplete_expired")


@dataclass(slots=True)
class Schedule:
    """A plan of phases for a subscription: (start, end, price, quantity) each."""

    id: str
    created: int
    subscription: Subscription
    phases: list[tuple[int, int, Price, int | None]]
    status: str = "active"
    current: int = 0
    completed_at: int | None = None


@dataclass(slots=True)
class Line:
    """One line of an invoice; `amount` is before discounts."""

    id: str
    amount: int
    start: int
    end: int
    description: str
    price: Price | None = None
    quantity: int | None = None
    subscription: str | None = None
    item: str | None = None
    invoice_item: str | None = None
    proration: bool = False
    credits: tuple[str, str] | None = None
    discounts: list[tuple[Discount, int]] = field(default_factory=list)
    # How many of `discounts` are the item's own.
    own_discounts: int = 0
    tax: int = 0
    tax_inclusive: bool = False

    @property
    def net(self) -> int:
        """The amount after discounts."""
        return self.amount - sum(amount for _, amount in self.discounts)


@dataclass(slots=True)
class Invoice:
    """An invoice, its lines and what was done to collect it."""

    id: str
    created: int
    customer: Customer
    currency: str
    reason: str
    period_start: int
    period_end: int
    subscription: Subscription | None = None
    lines: list[Line] = field(default_factory=list)
    discounts: list[Discount] = field(default_factory=list)
    status: str = "draft"
    number: str | None = None
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    uncollectible_at: int | None = None
    starting_balance: int = 0
    ending_balance: int | None = None
    amount_due: int = 0
    amount_paid: int = 0
    paid_elsewhere: int = 0
    credited_before: int = 0
    credited_after: int = 0
    attempts: int = 0
    next_attempt: int | None = None
    auto_advance: bool = True
    proration_date: int | None = None
    payment: "InvoicePayment | None" = None
    intent: "Intent | None" = None

    @property
    def subtotal(self) -> int:
        """Σ lines before discounts."""
        return sum(line.amount for line in self.lines)

    @property
    def total(self) -> int:
        """Σ lines after discounts, with tax."""
        return sum(line.net + (0 if line.tax_inclusive else line.tax) for line in self.lines)

    @property
    def tax(self) -> int:
        """Σ tax of the lines."""
        return sum(line.tax for line in self.lines)


@dataclass(slots=True)
class InvoicePayment:
    """The link between an invoice and the intent that pays it."""

    id: str
    created: int
    invoice: str
    currency: str
    requested: int
    intent: str
    status: str = "open"
    paid: int | None = None
    paid_at: int | None = None
    canceled_at: int | None = None


@dataclass(slots=True)
class Intent:
    """A PaymentIntent: one thing to be paid, tried once or more."""

    id: str
    created: int
    customer: Customer | None
    currency: str
    amount: int
    description: str
    status: str = "requires_payment_method"
    invoice: str | None = None
    manual_capture: bool = False
    received: int = 0
    latest_charge: str | None = None
    failure: tuple[str, str] | None = None
    canceled_at: int | None = None


@dataclass(slots=True)
class Charge:
    """One attempt to move money."""

    id: str
    created: int
    customer: Customer | None
    currency: str
    amount: int
    description: str
    status: str
    intent: str | None
    captured: int = 0
    is_captured: bool = True
    refunded: int = 0
    failure: str | None = None
    outcome_type: str = "authorized"
    disputed: bool = False
    transaction: str | None = None
    last4: str = "4242"
    method: str = "card"


@dataclass(slots=True)
class Transaction:
    """A movement of the account's balance."""

    id: str
    created: int
    currency: str
    amount: int
    fee: int
    kind: str
    category: str
    source: str
    description: str | None = None


@dataclass(slots=True)
class Refund:
    """Money given back."""

    id: str
    created: int
    charge: Charge
    amount: int
    status: str
    reason: str | None
    transaction: str | None = None


@dataclass(slots=True)
class CreditNote:
    """A part of an invoice that is not owed, or is given back."""

    id: str
    created: int
    invoice: Invoice
    amount: int
    tax: int
    number: str
    refund: Refund | None = None
    to_balance: int = 0
    outside: int = 0
    pre_payment: bool = False


@dataclass(slots=True)
class Dispute:
    """A charge that the cardholder's bank contests; `transactions` say what moved."""

    id: str
    created: int
    charge: Charge
    amount: int
    reason: str
    status: str
    case_type: str = "chargeback"
    transactions: list[Transaction] = field(default_factory=list)
    submissions: int = 0
