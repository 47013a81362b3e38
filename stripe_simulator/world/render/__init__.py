"""From the world's objects to Stripe's: one pure function per type, chosen by `render`.

What belongs here: the shapes of API version 2026-05-27.dahlia. What does not: any decision.
"""

from typing import TYPE_CHECKING, Any

from stripe_simulator.world import state
from stripe_simulator.world.render import catalog, customers, invoices, payments, subscriptions

if TYPE_CHECKING:
    from stripe_simulator.world.account import Account

_RENDERERS: dict[type, tuple[str, Any]] = {
    state.Product: ("product", catalog.product),
    state.Price: ("price", catalog.price),
    state.Coupon: ("coupon", catalog.coupon),
    state.Customer: ("customer", customers.customer),
    state.Discount: ("discount", customers.discount),
    state.Subscription: ("subscription", subscriptions.subscription),
    state.Invoice: ("invoice", invoices.invoice),
    state.Schedule: ("subscription_schedule", subscriptions.schedule),
    state.CreditNote: ("credit_note", invoices.credit_note),
    state.InvoicePayment: ("invoice_payment", invoices.invoice_payment),
    state.Intent: ("payment_intent", payments.intent),
    state.Charge: ("charge", payments.charge),
    state.Refund: ("refund", payments.refund),
    state.Dispute: ("dispute", payments.dispute),
    state.Transaction: ("balance_transaction", payments.transaction),
}


def kind_of(thing: Any) -> str:
    """Stripe's name of this type of object."""
    return _RENDERERS[type(thing)][0]


def render(account: "Account", thing: Any) -> dict[str, Any]:
    """The whole Stripe object: references as ids, nested lists complete."""
    if thing is account:
        return customers.account(account)
    rendered: dict[str, Any] = _RENDERERS[type(thing)][1](account, thing)
    return rendered
