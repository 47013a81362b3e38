"""Chance: how charges turn out. Every draw comes from the customer's own random source.

What belongs here: the outcome of attempts. What customers do by themselves is in `customers`.
"""

from typing import TYPE_CHECKING

from stripe_simulator.world.account import Account

if TYPE_CHECKING:
    from stripe_simulator.world.state import Customer, Invoice

_FAILURES = ("card_declined", "insufficient_funds", "insufficient_funds", "expired_card")


def outcome_of(account: Account, invoice: "Invoice", *, settling: bool = False) -> str:
    """How the next attempt to collect this invoice turns out."""
    first = invoice.attempts <= 1 and not settling
    return draw(account, invoice.customer, first=first)


def draw(account: Account, customer: "Customer", *, first: bool) -> str:
    """``succeeded`` or a failure: what was scripted, else by chance."""
    if customer.scripted:
        return customer.scripted.pop(0)
    rates = account.rates
    chance = rates.failure if first else rates.failure_again
    if customer.rng.random() >= chance:
        return "succeeded"
    return customer.rng.choice(_FAILURES)
