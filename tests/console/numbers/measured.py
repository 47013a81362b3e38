"""What the days of a world measure: rows of `metrics_daily` and `metrics_daily_reporting`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from tests.console.numbers.world import Row, World, ratio, total

#: What `metrics_daily_reporting` converts.
CONVERTED = (
    "mrr",
    "mrr_gross",
    "mrr_net",
    "arr",
    "mrr_opening",
    "mrr_new",
    "mrr_reactivation",
    "mrr_expansion",
    "mrr_contraction",
    "mrr_churn",
    "gross_revenue",
    "refunds",
    "disputes",
    "net_revenue",
    "invoiced_revenue",
    "failed_amount",
)


def measured(world: World, created: list[date]) -> list[Row]:
    """One row a day, from the facts."""
    return [_day(world, place, day, created) for place, day in enumerate(world.days)]


def reported(
    metrics: Iterable[Row], currency: str, rates: Mapping[str, Decimal], unknown: date
) -> list[Row]:
    """An account's days in the reporting currency.

    Args:
        metrics: Its rows of `metrics_daily`.
        currency: The one to report in.
        rates: What one unit of each currency is worth; they do not move.
        unknown: A day for which nobody gave rates.
    """
    days: dict[date, list[Row]] = defaultdict(list)
    for row in metrics:
        days[row["day"]].append(row)
    found = []
    for day, rows in days.items():
        lacks = day == unknown
        found.append(
            {
                "account_id": rows[0]["account_id"],
                "day": day,
                "reporting_currency": currency,
                "missing_rates": ",".join(sorted(rates)) if lacks else None,
                "mrr_fx": None if lacks else Decimal(0),
                **{
                    name: None
                    if lacks
                    else total(row[name] * rates[row["currency"]] for row in rows)
                    for name in CONVERTED
                },
            }
        )
    return found


def _day(world: World, place: int, day: date, created: list[date]) -> Row:
    spans = world.open_on(day)
    mrr = total(span["mrr"] for span in spans)
    moved = {
        kind: total(
            row["after"] - row["before"]
            for row in world.movements
            if row["day"] == day and row["movement"] == kind
        )
        for kind in ("new", "churn")
    }
    attempts = [row for row in world.attempts if row["day"] == day]
    payments = [row for row in world.payments if row["day"] == day]
    failed = [row for row in attempts if row["outcome"] == "failed"]
    by_kind = {
        kind: total(r["amount"] for r in world.lines if r["day"] == day and r["kind"] == kind)
        for kind in ("charge", "refund", "dispute")
    }
    won = sum(row["outcome"] == "succeeded" for row in payments)
    lost = sum(row["outcome"] == "failed" for row in payments)
    recovered = [row for row in payments if row["is_recovered"]]
    customers = sum(each <= day for each in created)
    arpu = ratio(mrr, Decimal(len(spans)))
    early = place < 30
    return world.key | {
        "day": day,
        "mrr": mrr,
        "mrr_gross": mrr,
        "mrr_net": mrr,
        "arr": 12 * mrr,
        "mrr_opening": mrr - moved["new"] - moved["churn"],
        "mrr_new": moved["new"],
        "mrr_reactivation": Decimal(0),
        "mrr_expansion": Decimal(0),
        "mrr_contraction": Decimal(0),
        "mrr_churn": moved["churn"],
        "estimated_mrr_share": ratio(
            total(span["mrr"] for span in spans if span["is_estimated"]), mrr
        ),
        "active_subscriptions": len(spans),
        "active_subscribers": len(spans),
        "trialing_subscriptions": 0,
        "new_subscriptions": sum(row["first_day"] == day for row in world.spans),
        "churned_subscriptions": sum(row["day_after_last"] == day for row in world.spans),
        "trial_starts": sum(row["started_day"] == day for row in world.trials),
        "trial_conversions": sum(row["converted_day"] == day for row in world.trials),
        "new_subscribers": sum(
            row["day"] == day and row["movement"] == "new" for row in world.movements
        ),
        "reactivated_subscribers": 0,
        "churned_subscribers": sum(
            row["day"] == day and row["movement"] == "churn" for row in world.movements
        ),
        "customer_count": customers,
        "new_customers": sum(each == day for each in created),
        "customer_growth_rate": None if early else Decimal("0.061234"),
        "arpu": arpu,
        "ltv": None if arpu is None or place % 2 else arpu * 20,
        "realised_revenue_per_customer": Decimal("12.345678") if customers else None,
        "customer_churn_rate_30d": Decimal("0.0234567") if spans else None,
        "gross_mrr_churn_rate": None if early else Decimal("0.05"),
        "net_mrr_churn_rate": None if early else Decimal("-0.01"),
        "grr": None if early else Decimal("0.95"),
        "nrr": None if early else Decimal("1.01"),
        "quick_ratio": None if early else Decimal("3.1"),
        "transaction_count": sum(row["outcome"] == "succeeded" for row in attempts),
        "failed_payments": len(failed),
        "failed_amount": total(row["amount"] for row in failed),
        "succeeded_payments": won,
        "pending_payments": sum(row["outcome"] == "pending" for row in payments),
        "failed_payments_unrecovered": lost,
        "recovered_payments": len(recovered),
        "recovered_amount": total(row["recovered_amount"] for row in payments),
        "gross_revenue": by_kind["charge"],
        "refunds": -by_kind["refund"],
        "disputes": -by_kind["dispute"],
        "net_revenue": sum(by_kind.values(), Decimal(0)),
        "invoiced_revenue": Decimal(0),
    }
