"""Compares a built `metrics_daily` with another computation of the same numbers.

Belongs here: counting comparisons and collecting differences, and what an import can know at all.
Not here: either computation.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Value = Decimal | int | None
Days = Mapping[dt.date, Mapping[str, Mapping[str, Value]]]

# Rates over the last 30 days that weigh by MRR need closings from before the window: they are NULL
# on its first 30 days, whatever another computation may know.
WEIGHTED_RATES = frozenset(
    {"gross_mrr_churn_rate", "net_mrr_churn_rate", "grr", "nrr", "quick_ratio"}
)
OVER_30_DAYS = WEIGHTED_RATES | {"customer_churn_rate_30d", "ltv"}
# What rests on payments and customers alone is known for the whole window.
PAYMENTS = frozenset(
    [
        "customer_count",
        "new_customers",
        "customer_growth_rate",
        "realised_revenue_per_customer",
        "payment_success_rate",
        "attempt_success_rate",
        "succeeded_payments",
        "pending_payments",
        "transaction_count",
        "failed_payments",
        "failed_amount",
        "failed_payments_unrecovered",
        "recovered_payments",
        "recovered_amount",
        "payment_recovery_rate",
        "hours_to_recovery",
        "gross_revenue",
        "refunds",
        "disputes",
        "net_revenue",
        "invoiced_revenue",
        "trial_starts",
        "churned_subscriptions",
    ]
)
# The first local day rarely begins with the imported window, so that a change of price or quantity
# early on it left its invoice outside; from the close of that day on MRR is right.
CHANGES = frozenset({"mrr_opening", "mrr_expansion", "mrr_contraction"})
# A discount that ended before the events begin may have left no invoice in the window; only the
# net column shows those that end.
IMPORTED_DAYS, EVENT_DAYS = 90, 30
# A share of what is held back is a property of the import, not of the business.
NOT_OF_THE_BUSINESS = frozenset({"estimated_mrr_share"})


@dataclass
class Comparison:
    """The outcome of comparing two computations.

    Attributes:
        compared: How many values were compared.
        skipped: How many no import of this window could know.
        differences: One line per value that differs.
    """

    compared: int = 0
    skipped: int = 0
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say how many values were compared and how many differ."""
        return (
            f"{self.compared} values compared, {len(self.differences)} differ, "
            f"{self.skipped} not knowable from the imported window"
        )


# Marts beside `metrics_daily`: their keys within an account.
KEYS = {
    "metrics_monthly": ("month", "currency"),
    "metrics_daily_reporting": ("day",),
    "fct_mrr_movements_reporting": ("customer_id", "currency", "day", "movement"),
    "fct_mrr_movement_items": ("customer_id", "currency", "day", "subscription_id", "item_id"),
    "rpt_cohort_retention": ("currency", "cohort_month", "month"),
    "rpt_revenue_by_product": ("currency", "month", "product_id", "price_id"),
    "rpt_revenue_by_country": ("currency", "month", "country"),
    "rpt_plan_mix": ("currency", "month", "price_id"),
    "rpt_top_customers": ("currency", "customer_id"),
}


def compare_rows(
    built: list[dict[str, Any]],
    expected: Mapping[tuple[Any, ...], Mapping[str, Any]],
    keys: Sequence[str],
) -> Comparison:
    """Compare every column that another computation has, row by row.

    Args:
        built: Rows of a mart of one account.
        expected: The other computation's columns by key.
        keys: The columns of the key.
    """
    outcome = Comparison()
    rows = {tuple(row[name] for name in keys): row for row in built}
    for key, columns in expected.items():
        row = rows.pop(key, None)
        if row is None:
            outcome.differences.append(f"{key}: no row")
            continue
        outcome.compared += len(columns)
        outcome.differences += [
            f"{key} {name}: {row[name]} is not {value}"
            for name, value in columns.items()
            if row[name] != value
        ]
    outcome.differences += [f"{key}: row too many" for key in rows]
    return outcome


def knowable(metric: str, day: dt.date, first_day: dt.date, exact_from: dt.date) -> bool:
    """Tell whether an import whose first day is `first_day` can know a metric of a day.

    Args:
        metric: A column of `metrics_daily`.
        day: The day.
        first_day: First day of the imported window.
        exact_from: First day from which every change of a subscription left a dated trace.
    """
    age = (day - first_day).days
    if exact_from > first_day and metric not in PAYMENTS:
        trace = (day - exact_from).days
        return trace >= (32 if metric in OVER_30_DAYS else 2)
    if metric in CHANGES and age == 0:
        return False
    return metric != "mrr_net" or age >= IMPORTED_DAYS - EVENT_DAYS


def compare(
    built: list[dict[str, Any]],
    expected: Days,
    first_day: dt.date,
    *,
    complete: bool = False,
    exact_from: dt.date | None = None,
) -> Comparison:
    """Compare every metric of every day and currency.

    Args:
        built: Rows of `metrics_daily` of one account.
        expected: The other computation's numbers.
        first_day: First day of the imported window.
        complete: Compare what an import cannot know as well, where both computations read the
            same objects.
        exact_from: From when every change left a dated trace; the first day by default.
    """
    outcome = Comparison()
    rows = {(row["day"], row["currency"]): row for row in built}
    for day, currencies in expected.items():
        for currency, metrics in currencies.items():
            row = rows.pop((day, currency), None)
            if row is None:
                outcome.differences.append(f"{day} {currency}: no row")
                continue
            for metric, value in metrics.items():
                if metric in NOT_OF_THE_BUSINESS:
                    continue
                hidden = metric in WEIGHTED_RATES and (day - first_day).days < 30
                knows = knowable(metric, day, first_day, exact_from or first_day)
                if not (complete or hidden or knows):
                    outcome.skipped += 1
                    continue
                outcome.compared += 1
                # Another computation may have one from what is held back; ours must not show it.
                due = None if hidden else value
                if row[metric] != due:
                    outcome.differences.append(
                        f"{day} {currency} {metric}: {row[metric]} is not {due}"
                    )
    outcome.differences += [f"{day} {currency}: row too many" for day, currency in rows]
    return outcome
