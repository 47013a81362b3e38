"""Months and cohorts, from `docs/metrics.md` §3 and §9.

Belongs here: `metrics_monthly` and `rpt_cohort_retention`. Not here: days (`days`).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from fractions import Fraction

from tests.oracle.days import MICRO, ONE_DAY, Oracle, Value
from tests.oracle.money import major, ratio

Months = dict[tuple[dt.date, str], dict[str, Value]]
# Read at the close of the month's last day, or now.
CLOSINGS = (
    "mrr_gross",
    "mrr",
    "mrr_net",
    "arr",
    "active_subscriptions",
    "trialing_subscriptions",
    "active_subscribers",
    "customer_churn_rate_30d",
    "customer_count",
    "arpu",
    "ltv",
    "realised_revenue_per_customer",
)
# Summed over the month's days of the window.
FLOWS = (
    "mrr_new",
    "mrr_reactivation",
    "mrr_expansion",
    "mrr_contraction",
    "mrr_churn",
    "new_subscriptions",
    "trial_starts",
    "trial_conversions",
    "churned_subscriptions",
    "new_subscribers",
    "reactivated_subscribers",
    "churned_subscribers",
    "new_customers",
    "succeeded_payments",
    "pending_payments",
    "transaction_count",
    "failed_payments",
    "failed_amount",
    "failed_payments_unrecovered",
    "recovered_payments",
    "recovered_amount",
    "gross_revenue",
    "refunds",
    "disputes",
    "net_revenue",
    "invoiced_revenue",
)


def months(oracle: Oracle) -> Months:
    """Return every metric of every month of the window by currency."""
    days = oracle.numbers()
    by_month: dict[dt.date, list[dt.date]] = defaultdict(list)
    for day in sorted(days):
        by_month[day.replace(day=1)].append(day)
    found: Months = {}
    for month, own in by_month.items():
        for currency in days[own[0]]:
            rows = [days[day][currency] for day in own]
            sums = {flow: sum(row[flow] or 0 for row in rows) for flow in FLOWS}
            found[month, currency] = {
                **{name: rows[-1][name] for name in CLOSINGS},
                **sums,
                "mrr_opening": rows[0]["mrr_opening"],
                **_rates(oracle, currency, own, sums),
            }
    return found


def _rates(
    oracle: Oracle, currency: str, days: list[dt.date], sums: dict[str, Value]
) -> dict[str, Value]:
    opening = oracle.mrr(days[0] - ONE_DAY, currency)
    closing = oracle.mrr(days[-1], currency)
    before = sum(opening.values()) if days[0].day == 1 else 0
    movements = oracle.movements(currency)
    moved = [movement for day in days for movement in movements[day].items()]
    lost = -sum(change for _, (kind, change) in moved if kind in ("churn", "contraction"))
    won = sum(change for _, (kind, change) in moved if kind in ("expansion", "reactivation"))
    new = sum(change for _, (kind, change) in moved if kind == "new")
    churned = {customer for customer, (kind, _) in moved if kind == "churn"}
    count = {key: sums[key] or 0 for key in sums}
    attempts = oracle.payments.sums(days, currency)
    trials = [oracle.trials(day, currency) for day in days]
    converted, given_up = (sum(each[n] for each in trials) for n in (0, 1))
    return {
        "customer_churn_rate": ratio(len(churned), len(opening)),
        "gross_mrr_churn_rate": ratio(lost, before),
        "net_mrr_churn_rate": ratio(lost - won, before),
        "grr": ratio(sum(min(closing.get(c, 0), was) for c, was in opening.items()), before),
        "nrr": ratio(sum(closing.get(c, 0) for c in opening), before),
        "quick_ratio": ratio(won + new, lost),
        "trial_conversion_rate": ratio(converted, converted + given_up),
        "payment_success_rate": ratio(
            Fraction(count["succeeded_payments"]),
            Fraction(count["succeeded_payments"]) + attempts["lost"],
        ),
        "attempt_success_rate": ratio(
            Fraction(count["transaction_count"]),
            Fraction(count["transaction_count"]) + Fraction(count["failed_payments"]),
        ),
        "payment_recovery_rate": ratio(
            attempts["recovered"], attempts["recovered"] + attempts["unrecovered"]
        ),
        "hours_to_recovery": ratio(attempts["recovery_seconds"], 3_600 * attempts["recovered"]),
    }


def cohorts(oracle: Oracle) -> dict[tuple[str, dt.date, dt.date], dict[str, Value]]:
    """Return what is left of each cohort by currency, month of the first MRR and month."""
    first: dict[tuple[str, str], tuple[dt.date, int]] = {}
    for day in sorted(oracle.customers):
        for key, value in oracle.customers[day].items():
            first.setdefault(key, (day.replace(day=1), value))
    lasts: dict[dt.date, dt.date] = {}
    day = oracle.first_day
    while day <= oracle.today:
        lasts[day.replace(day=1)] = day
        day += ONE_DAY
    members: dict[tuple[str, dt.date], dict[str, int]] = defaultdict(dict)
    for (currency, customer), (month, value) in first.items():
        members[currency, month][customer] = value
    found = {}
    for (currency, began), own in members.items():
        for month, last in lasts.items():
            if began > month:
                continue
            kept = {c: v for c, v in oracle.mrr(last, currency).items() if c in own}
            found[currency, began, month] = {
                "cohort_customers": len(own),
                "retained_customers": len(kept),
                "logo_retention": ratio(len(kept), len(own)),
                "cohort_mrr": _amount(sum(own.values()), currency),
                "retained_mrr": _amount(sum(kept.values()), currency),
                "revenue_retention": ratio(sum(kept.values()), sum(own.values())),
            }
    return found


def _amount(micros: int, currency: str) -> Value:
    return major(Fraction(micros, MICRO), currency)
