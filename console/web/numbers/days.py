"""The days that periods are put together from, as SQL: of one currency, or of all in one.

One row per day, with a column per metric and per number that quotients need (`COUNTED`). In the
reporting currency amounts are `metrics_daily_reporting`'s, and what has one currency each
(subscriptions, payments) is counted over all of them; nothing is converted here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.web.numbers.metrics import METRICS, Across, Metric, Over


@dataclass(frozen=True, slots=True)
class Counted:
    """What quotients need and `metrics_daily` does not hold, from the facts.

    Attributes:
        name: The column.
        value: What it is, of one day's rows.
        table: The facts.
        day: Their day.
        where: Which of them: one plain condition, which the scan can apply.
    """

    name: str
    value: str
    table: str
    day: str
    where: str


COUNTED = (
    Counted("lost_payments", "count(*)", "fct_payments", "day", "outcome = 'failed'"),
    Counted(
        "recovery_seconds",
        "sum(date_diff('second', first_failed_at, recovered_at))",
        "fct_payments",
        "day",
        "is_recovered",
    ),
    Counted("trials_converted", "count(*)", "fct_trials", "started_day", "outcome = 'converted'"),
    Counted("trials_lost", "count(*)", "fct_trials", "started_day", "outcome = 'lost'"),
)

_RANGE = "between $first and $last"


def days(metrics: Iterable[Metric], *, reporting: bool) -> str:
    """The query's `with` clause, up to `days`.

    Args:
        metrics: What the periods are asked for.
        reporting: Whether all currencies are shown in the reporting one.

    Returns:
        SQL with `$account`, `$first`, `$last` and, for one currency, `$currency`.
    """
    of = "account_id = $account" if reporting else "account_id = $account and currency = $currency"
    parts = " ".join(" ".join(metric.parts or ()) for metric in metrics)
    counted = [each for each in COUNTED if each.name in parts]
    tables = [
        f"counted_{each.name} as (select {each.day} as day, {each.value} as {each.name}"  # noqa: S608
        f" from {each.table} where {of} and {each.day} {_RANGE} and {each.where}"
        f" group by {each.day})"
        for each in counted
    ]
    columns = "".join(f", coalesce({each.name}, 0) as {each.name}" for each in counted)
    joins = "".join(f" left join counted_{each.name} using (day)" for each in counted)
    if not reporting:
        days = f"select metrics_daily.*{columns} from metrics_daily{joins} where {of}"  # noqa: S608
        tables.append(f"days as ({days} and day {_RANGE})")
    else:
        tables += [
            f"native as ({_native()} where {of} and day {_RANGE} group by day)",
            "rated as (select * exclude (account_id, reporting_currency)"  # noqa: S608
            f" from metrics_daily_reporting where {of} and day {_RANGE})",
            f"days as (select native.*, rated.* exclude (day){columns}"  # noqa: S608
            f" from native inner join rated using (day){joins})",
        ]
    return "with " + ",\n".join(tables)


def column(metric: Metric, *, reporting: bool) -> str:
    """A metric over the days of one period, as one or (a quotient) two columns."""
    name = metric.name
    if reporting and metric.across is Across.APART:
        return f"null as {name}"
    match metric.over:
        case Over.CLOSE:
            return f"arg_max_null({name}, day) as {name}"
        case Over.OPEN:
            return f"arg_min_null({name}, day) as {name}"
        case Over.SUM:
            # Where a day lacks a rate, a sum of the others would be too small.
            whole = f"case when count({name}) = count(*) then sum({name}) end"
            return f"{whole if reporting else f'sum({name})'} as {name}"
        case Over.PARTS:
            top, bottom = metric.parts or ("", "")
            return (
                f"coalesce(sum({top}), 0)::hugeint as {name}__top,"
                f" coalesce(sum({bottom}), 0)::hugeint as {name}__bottom"
            )


def _native() -> str:
    """Counts of all currencies together, and whether anything is estimated, by day."""
    added = [each.name for each in METRICS.values() if each.across is Across.ADDED]
    same = [each.name for each in METRICS.values() if each.across is Across.SAME]
    columns = [
        "max(estimated_mrr_share) as estimated_mrr_share",
        *(f"sum({name}) as {name}" for name in added),
        *(f"max({name}) as {name}" for name in same),
    ]
    return f"select day, {', '.join(columns)} from metrics_daily"  # noqa: S608 - names of a table
