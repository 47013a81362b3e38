"""The table of metrics: what the pages call a column of the marts, and how they read it.

A new metric is one entry in `METRICS`. What it means is written in `dbt_project/docs/metrics/`
under the same name (`definitions`), where dbt's own docs take it from, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from connections.errors import DashtrayError


class UnknownMetric(DashtrayError):
    """There is no metric of that name; the message lists those that there are."""


class Unit(StrEnum):
    """What a number counts."""

    MONEY = "money"
    COUNT = "count"
    RATE = "rate"
    """A share, shown in per cent."""
    RATIO = "ratio"
    """A quotient that is no share, such as 3.2."""
    HOURS = "hours"


class Good(StrEnum):
    """Which direction is good news."""

    UP = "up"
    DOWN = "down"
    NEITHER = "neither"


class Over(StrEnum):
    """How the days of a period become one number."""

    CLOSE = "close"
    """A state: read at the close of the period's last day."""
    SUM = "sum"
    """A flow: added up."""
    OPEN = "open"
    """A state: read before the period's first day."""
    PARTS = "parts"
    """A quotient: of the sums of its parts over the period, never the mean of days."""


class Across(StrEnum):
    """How the numbers of several currencies become one, in the reporting currency."""

    CONVERTED = "converted"
    """An amount: converted by the marts, at the operator's rates."""
    ADDED = "added"
    """A count of what has one currency each: subscriptions, payments."""
    SAME = "same"
    """Of the whole account anyway."""
    APART = "apart"
    """It cannot be told of all of them together."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One column of `metrics_daily`.

    Attributes:
        name: The column, and the definition's anchor.
        label: What a page calls it.
        unit: What it counts.
        good: Which direction is good news.
        over: How days become a period.
        section: The heading that it stands under.
        when_null: Why there may be no number, as the end of a sentence; empty = there always is.
        parts: For `Over.PARTS`: numerator and denominator, SQL over the columns of a day
            (`days`).
        of_account: Whether it belongs to the whole account and repeats for each currency.
        kept_apart: Whether it exists in one currency at a time alone, though it is an amount or a
            count: the marts do not convert it, or one customer may count in several currencies.
    """

    name: str
    label: str
    unit: Unit
    good: Good
    over: Over
    section: str
    when_null: str = ""
    parts: tuple[str, str] | None = None
    of_account: bool = False
    kept_apart: bool = False

    @property
    def across(self) -> Across:
        """How the currencies' numbers become one in the reporting currency."""
        if self.of_account:
            return Across.SAME
        if self.kept_apart:
            return Across.APART
        if self.unit is Unit.MONEY:
            return Across.CONVERTED
        # A quotient of sums is that of all currencies' sums.
        is_count = self.unit is Unit.COUNT or self.over is Over.PARTS
        return Across.ADDED if is_count else Across.APART

    @property
    def is_estimable(self) -> bool:
        """Whether it rests on the history of subscriptions, which may be estimated."""
        return (
            self.section not in {_REVENUE, _PAYMENTS}
            and not self.of_account
            and self.name != "realised_revenue_per_customer"
        )


_RECURRING = "Recurring revenue"
_MOVEMENTS = "MRR movements"
_SUBSCRIPTIONS = "Subscriptions"
_CUSTOMERS = "Customers"
_RETENTION = "Churn and retention"
_REVENUE = "Revenue"
_PAYMENTS = "Payments"

_BEFORE = "the day 30 days earlier lies before the imported history, or had no MRR"
_NO_SUBSCRIBERS = "nobody paid at that time"
_NO_PAYMENTS = "there were no payments in this period"


_M, _C, _R = Unit.MONEY, Unit.COUNT, Unit.RATE
_UP, _DOWN, _NEITHER = Good.UP, Good.DOWN, Good.NEITHER
_CLOSE, _SUM, _PARTS = Over.CLOSE, Over.SUM, Over.PARTS

#: Every metric by its name, in the order in which people ask for them.
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("mrr", "MRR", _M, _UP, _CLOSE, _RECURRING),
            Metric("arr", "ARR", _M, _UP, _CLOSE, _RECURRING),
            Metric("mrr_gross", "MRR before discounts", _M, _UP, _CLOSE, _RECURRING),
            Metric("mrr_net", "MRR after all discounts", _M, _UP, _CLOSE, _RECURRING),
            Metric(
                "estimated_mrr_share",
                "Estimated share of MRR",
                _R,
                _NEITHER,
                _CLOSE,
                _RECURRING,
                "there was no MRR",
            ),
            Metric("mrr_opening", "Opening MRR", _M, _UP, Over.OPEN, _MOVEMENTS),
            Metric("mrr_new", "New MRR", _M, _UP, _SUM, _MOVEMENTS),
            Metric("mrr_reactivation", "Reactivation MRR", _M, _UP, _SUM, _MOVEMENTS),
            Metric("mrr_expansion", "Expansion MRR", _M, _UP, _SUM, _MOVEMENTS),
            # Losses are negative in the marts, so growing towards zero is good.
            Metric("mrr_contraction", "Contraction MRR", _M, _UP, _SUM, _MOVEMENTS),
            Metric("mrr_churn", "Churned MRR", _M, _UP, _SUM, _MOVEMENTS),
            Metric("active_subscriptions", "Active subscriptions", _C, _UP, _CLOSE, _SUBSCRIPTIONS),
            Metric(
                "trialing_subscriptions", "Subscriptions in trial", _C, _UP, _CLOSE, _SUBSCRIPTIONS
            ),
            Metric("new_subscriptions", "New subscriptions", _C, _UP, _SUM, _SUBSCRIPTIONS),
            Metric(
                "churned_subscriptions", "Churned subscriptions", _C, _DOWN, _SUM, _SUBSCRIPTIONS
            ),
            Metric("trial_starts", "Trials started", _C, _UP, _SUM, _SUBSCRIPTIONS),
            Metric("trial_conversions", "Trials converted", _C, _UP, _SUM, _SUBSCRIPTIONS),
            Metric(
                "trial_conversion_rate",
                "Trial conversion rate",
                _R,
                _UP,
                _PARTS,
                _SUBSCRIPTIONS,
                "no trial that began in this period is decided yet",
                parts=("trials_converted", "trials_converted + trials_lost"),
            ),
            Metric("customer_count", "Customers", _C, _UP, _CLOSE, _CUSTOMERS, of_account=True),
            Metric("new_customers", "New customers", _C, _UP, _SUM, _CUSTOMERS, of_account=True),
            Metric(
                "customer_growth_rate",
                "Customer growth",
                _R,
                _UP,
                _CLOSE,
                _CUSTOMERS,
                "the day 30 days earlier lies before the imported history, or had no customers",
                of_account=True,
            ),
            Metric(
                "active_subscribers",
                "Active subscribers",
                _C,
                _UP,
                _CLOSE,
                _CUSTOMERS,
                kept_apart=True,
            ),
            Metric(
                "new_subscribers", "New subscribers", _C, _UP, _SUM, _CUSTOMERS, kept_apart=True
            ),
            Metric(
                "reactivated_subscribers",
                "Reactivated subscribers",
                _C,
                _UP,
                _SUM,
                _CUSTOMERS,
                kept_apart=True,
            ),
            Metric(
                "churned_subscribers",
                "Churned subscribers",
                _C,
                _DOWN,
                _SUM,
                _CUSTOMERS,
                kept_apart=True,
            ),
            Metric(
                "arpu",
                "ARPU",
                _M,
                _UP,
                _CLOSE,
                _CUSTOMERS,
                _NO_SUBSCRIBERS,
                kept_apart=True,
            ),
            Metric(
                "ltv",
                "LTV",
                _M,
                _UP,
                _CLOSE,
                _CUSTOMERS,
                "nobody churned in the 30 days before, so no lifetime can be told",
                kept_apart=True,
            ),
            Metric(
                "realised_revenue_per_customer",
                "Realised revenue per customer",
                _M,
                _UP,
                _CLOSE,
                _CUSTOMERS,
                "nobody has paid yet",
                kept_apart=True,
            ),
            Metric(
                "customer_churn_rate_30d",
                "Customer churn, 30 days",
                _R,
                _DOWN,
                _CLOSE,
                _RETENTION,
                _NO_SUBSCRIBERS,
            ),
            Metric(
                "gross_mrr_churn_rate",
                "Gross MRR churn, 30 days",
                _R,
                _DOWN,
                _CLOSE,
                _RETENTION,
                _BEFORE,
            ),
            Metric(
                "net_mrr_churn_rate",
                "Net MRR churn, 30 days",
                _R,
                _DOWN,
                _CLOSE,
                _RETENTION,
                _BEFORE,
            ),
            Metric("grr", "Gross revenue retention", _R, _UP, _CLOSE, _RETENTION, _BEFORE),
            Metric("nrr", "Net revenue retention", _R, _UP, _CLOSE, _RETENTION, _BEFORE),
            Metric(
                "quick_ratio",
                "Quick ratio, 30 days",
                Unit.RATIO,
                _UP,
                _CLOSE,
                _RETENTION,
                "nothing was lost in the 30 days before, or they begin before the imported history",
            ),
            Metric("gross_revenue", "Total revenue", _M, _UP, _SUM, _REVENUE),
            Metric("refunds", "Refunds", _M, _DOWN, _SUM, _REVENUE),
            Metric("disputes", "Disputes", _M, _DOWN, _SUM, _REVENUE),
            Metric("net_revenue", "Net revenue", _M, _UP, _SUM, _REVENUE),
            Metric("invoiced_revenue", "Invoiced revenue", _M, _UP, _SUM, _REVENUE),
            Metric(
                "payment_success_rate",
                "Payment success rate",
                _R,
                _UP,
                _PARTS,
                _PAYMENTS,
                _NO_PAYMENTS,
                parts=("succeeded_payments", "succeeded_payments + lost_payments"),
            ),
            Metric(
                "attempt_success_rate",
                "Attempt success rate",
                _R,
                _UP,
                _PARTS,
                _PAYMENTS,
                _NO_PAYMENTS,
                parts=("transaction_count", "transaction_count + failed_payments"),
            ),
            Metric("transaction_count", "Transactions", _C, _UP, _SUM, _PAYMENTS),
            Metric("succeeded_payments", "Payments succeeded", _C, _UP, _SUM, _PAYMENTS),
            Metric("pending_payments", "Payments pending", _C, _NEITHER, _SUM, _PAYMENTS),
            Metric("failed_payments", "Failed payments", _C, _DOWN, _SUM, _PAYMENTS),
            Metric("failed_amount", "Failed amount", _M, _DOWN, _SUM, _PAYMENTS),
            Metric(
                "failed_payments_unrecovered",
                "Failed payments not recovered",
                _C,
                _DOWN,
                _SUM,
                _PAYMENTS,
            ),
            Metric("recovered_payments", "Recovered payments", _C, _UP, _SUM, _PAYMENTS),
            Metric(
                "recovered_amount", "Recovered amount", _M, _UP, _SUM, _PAYMENTS, kept_apart=True
            ),
            Metric(
                "payment_recovery_rate",
                "Payment recovery rate",
                _R,
                _UP,
                _PARTS,
                _PAYMENTS,
                "no payment failed in this period",
                parts=(
                    "recovered_payments",
                    "recovered_payments + failed_payments_unrecovered",
                ),
            ),
            Metric(
                "hours_to_recovery",
                "Hours to recovery",
                Unit.HOURS,
                _DOWN,
                _PARTS,
                _PAYMENTS,
                "no payment of this period was recovered",
                parts=("recovery_seconds", "3600 * recovered_payments"),
            ),
        )
    }
)

#: What rates alone did to MRR; only in the reporting currency, and no column of `metrics_daily`.
FX = Metric("mrr_fx", "Exchange rates", _M, _NEITHER, _SUM, _MOVEMENTS)


def get_metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        UnknownMetric: There is none.
    """
    try:
        return METRICS[name]
    except KeyError:
        raise UnknownMetric(
            f"There is no metric {name!r}. There are: {', '.join(METRICS)}."
        ) from None
