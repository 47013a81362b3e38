"""Where each metric leads: the table of drill-downs.

One entry per metric. Where the number is a sum, its rows add up to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from console.web.numbers.drill_kinds import (
    INVOICES,
    Drill,
    around,
    attempts,
    customers,
    lines,
    movements,
    payments,
    spans,
    subscribers,
    subscriptions,
    trials,
    until,
)

_ACTIVE = "facts.status in ('active', 'past_due')"
_PAYING = "Subscription items with MRR at the close"
_ALL = "'new', 'reactivation', 'expansion', 'contraction', 'churn'"
_LOST = "'contraction', 'churn'"

#: Where each metric leads.
DRILLS: Mapping[str, Drill] = MappingProxyType(
    {
        "mrr": spans("facts.mrr > 0", _PAYING, amount="facts.mrr"),
        "arr": spans("facts.mrr > 0", _PAYING),
        "mrr_gross": spans("facts.mrr_gross > 0", _PAYING, "mrr_gross", "facts.mrr_gross"),
        "mrr_net": spans("facts.mrr_net > 0", _PAYING, "mrr_net", "facts.mrr_net"),
        "estimated_mrr_share": spans(
            "facts.is_estimated and facts.mrr > 0",
            "Estimated items at the close",
            amount="facts.mrr",
        ),
        "mrr_opening": movements(_ALL, "Movements since"),
        "mrr_new": movements("'new'", "New MRR, item by item"),
        "mrr_reactivation": movements("'reactivation'", "Reactivations, item by item"),
        "mrr_expansion": movements("'expansion'", "Expansions, item by item"),
        "mrr_contraction": movements("'contraction'", "Contractions, item by item"),
        "mrr_churn": movements("'churn'", "Churned MRR, item by item"),
        "active_subscriptions": spans(_ACTIVE, "Items of active subscriptions at the close"),
        "trialing_subscriptions": spans(
            "facts.status = 'trialing'", "Items of subscriptions in trial at the close"
        ),
        "new_subscriptions": subscriptions(
            "first_active_at", "true", "Subscriptions that became active in this period"
        ),
        "churned_subscriptions": subscriptions(
            "ended_at",
            "facts.first_active_at is not null",
            "Subscriptions that ended in this period",
        ),
        "trial_starts": trials("started_day", "Trials that began in this period"),
        "trial_conversions": trials("converted_day", "Trials that converted in this period"),
        "trial_conversion_rate": trials("started_day", "Trials that began in this period", None),
        "customer_count": customers(f"not facts.is_deleted and {until('created_at')}", "Customers"),
        "new_customers": customers(around("created_at"), "Customers created in this period"),
        "customer_growth_rate": customers(around("created_at"), "Customers created in this period"),
        "active_subscribers": spans("facts.mrr > 0", _PAYING),
        "new_subscribers": subscribers("new", "Customers who began to pay"),
        "reactivated_subscribers": subscribers("reactivation", "Customers who came back"),
        "churned_subscribers": subscribers("churn", "Customers who stopped paying"),
        "arpu": spans("facts.mrr > 0", _PAYING),
        "ltv": spans("facts.mrr > 0", _PAYING),
        "realised_revenue_per_customer": lines(
            "'charge', 'refund', 'dispute'", "Revenue of this period, line by line"
        ),
        "customer_churn_rate_30d": subscribers("churn", "Customers who stopped paying"),
        "gross_mrr_churn_rate": movements(_LOST, "Losses of this period, item by item"),
        "net_mrr_churn_rate": movements(_ALL, "Movements of this period, item by item"),
        "grr": movements(_LOST, "Losses of this period, item by item"),
        "nrr": movements(_ALL, "Movements of this period, item by item"),
        "quick_ratio": movements(_ALL, "Movements of this period, item by item"),
        "gross_revenue": lines("'charge'", "Charges of this period, line by line"),
        "refunds": lines("'refund'", "Refunds of this period, line by line", "-"),
        "disputes": lines("'dispute'", "Disputes of this period, line by line", "-"),
        "net_revenue": lines(
            "'charge', 'refund', 'dispute'", "Revenue of this period, line by line"
        ),
        "invoiced_revenue": INVOICES,
        "payment_success_rate": payments(
            "facts.outcome in ('succeeded', 'failed')", "Payments of this period", None
        ),
        "attempt_success_rate": attempts(
            "facts.outcome in ('succeeded', 'failed')", "Attempts of this period", None
        ),
        "transaction_count": attempts("facts.outcome = 'succeeded'", "Charges that succeeded"),
        "succeeded_payments": payments("facts.outcome = 'succeeded'", "Payments that succeeded"),
        "pending_payments": payments("facts.outcome = 'pending'", "Payments without an outcome"),
        "failed_payments": attempts("facts.outcome = 'failed'", "Attempts that failed"),
        "failed_amount": attempts(
            "facts.outcome = 'failed'", "Attempts that failed", "facts.amount"
        ),
        "failed_payments_unrecovered": payments(
            "facts.failed_attempts > 0 and facts.outcome in ('failed', 'pending')",
            "Payments that failed and were not made good",
        ),
        "recovered_payments": payments("facts.is_recovered", "Payments that were made good"),
        "recovered_amount": payments(
            "facts.is_recovered", "Payments that were made good", "facts.recovered_amount"
        ),
        "payment_recovery_rate": payments(
            "facts.failed_attempts > 0", "Payments with a failed attempt", None
        ),
        "hours_to_recovery": payments("facts.is_recovered", "Payments that were made good", None),
    }
)
