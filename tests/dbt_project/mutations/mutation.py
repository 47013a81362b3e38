"""What a mutation is, and the files that several of them change.

Belongs here: no mutation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One wrong answer.

    Attributes:
        name: What is wrong.
        file: The file of the dbt project.
        edits: Texts that occur exactly once there, each with what it becomes.
        case: The case whose numbers must change.
        rebuilt: Models from which on to build; the file's own by default.
        later: Whether it shows only when a later load is added to what was built before; all is
            built then.
    """

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    case: str
    rebuilt: str = ""
    later: bool = False


def changed(
    name: str, file: str, old: str, new: str, case: str, rebuilt: str = "", later: bool = False
) -> Mutation:
    """Return a mutation of one text."""
    return Mutation(name, file, ((old, new),), case, rebuilt, later)


INTERMEDIATE = "models/intermediate/"
SEGMENTS = f"{INTERMEDIATE}int_subscription_segments_cut.sql"
PRICED = f"{INTERMEDIATE}int_subscription_items_priced.sql"
DISCOUNTED = f"{INTERMEDIATE}int_subscription_items_discounted.sql"
GATHERED = f"{INTERMEDIATE}int_discounts_gathered.sql"
MOVED = f"{INTERMEDIATE}int_customer_mrr_changed.sql"
WATCHED = f"{INTERMEDIATE}int_customer_months_watched.sql"
ATTEMPTS = "models/marts/fct_payment_attempts.sql"
PAYMENTS = "models/marts/fct_payments.sql"
REFUNDS = "models/marts/fct_refunds.sql"
REVENUE = f"{INTERMEDIATE}int_revenue_days_summed.sql"
MONEY_USERS = "fct_payment_attempts int_revenue_days_summed metrics_daily"
COUNTS = """        status_after_trial in ('active', 'past_due')
        and not is_in_trial
        and not is_past_grace"""
