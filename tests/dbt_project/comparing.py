"""Compares a built `metrics_daily` with another computation of the same numbers.

Belongs here: counting comparisons and collecting differences. Not here: either computation, and
what an import can know at all (`knowing`).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.dbt_project.knowing import WEIGHTED_RATES, Limits

Value = Decimal | int | None
Days = Mapping[dt.date, Mapping[str, Mapping[str, Value]]]

# A share of what is held back is a property of the import, not of the business.
NOT_OF_THE_BUSINESS = frozenset({"estimated_mrr_share"})


@dataclass
class Comparison:
    """The outcome of comparing two computations.

    Attributes:
        compared: How many values were compared.
        skipped: How many no import of this window could know, by reason.
        differences: One line per value that differs.
    """

    compared: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say how many values were compared and how many differ."""
        return (
            f"{self.compared} values compared, {len(self.differences)} differ, "
            f"{self.skipped.total()} not knowable from the imported window"
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


def compare(
    built: list[dict[str, Any]],
    expected: Days,
    first_day: dt.date,
    *,
    limits: Limits | None = None,
) -> Comparison:
    """Compare every metric of every day and currency.

    Args:
        built: Rows of `metrics_daily` of one account.
        expected: The other computation's numbers.
        first_day: First day of the imported window.
        limits: What the import cannot know; nothing where both computations read the same objects.
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
                reason = limits.why_unknown(metric, day) if limits and not hidden else None
                if reason is not None:
                    outcome.skipped[reason] += 1
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
