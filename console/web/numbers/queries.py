"""Queries on the published marts, each of one account and one currency.

Every query takes the account first and filters by it; nothing here knows a viewer, so callers
pass accounts that theirs `sees`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from typing import Any

from console.web.numbers.days import column, days
from console.web.numbers.formats import Number
from console.web.numbers.metrics import FX, METRICS, Across, Metric, Over
from console.web.numbers.published import Reader, Row
from console.web.numbers.selection import Reach, Selection, Span

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Period:
    """One point of a series, or a whole range.

    Attributes:
        starts: First day of the calendar period (day, week, month).
        first: First day with numbers.
        last: Last day with numbers.
        values: Every metric by its name; None = NULL.
        estimated_share: Share of MRR at its close that rests on estimated history.
        most_estimated: The largest such share of its days.
        missing_rates: Currencies that a day of it has no exchange rate for.
    """

    starts: date
    first: date
    last: date
    values: dict[str, Number | None]
    estimated_share: Decimal
    most_estimated: Decimal
    missing_rates: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        """How many of the calendar period's days there are numbers of."""
        return (self.last - self.first).days + 1

    def is_estimated(self, metric: Metric) -> bool:
        """Whether the metric's number rests, in part, on estimated history."""
        share = self.estimated_share if metric.over is Over.CLOSE else self.most_estimated
        return metric.is_estimable and share > 0


def published_accounts(reader: Reader, accounts: Sequence[str]) -> dict[str, str]:
    """The names of those accounts that the marts have numbers of, by id.

    Args:
        reader: The marts.
        accounts: Ids of accounts that the viewer may see.
    """
    rows = reader.rows(
        "select account_id, coalesce(name, account_id) as name from dim_accounts"
        " where account_id in (select unnest(?::varchar[])) order by name, account_id",
        (tuple(accounts),),
    )
    return {row["account_id"]: row["name"] for row in rows}


def reach_of(reader: Reader, account: str) -> Reach | None:
    """How far an account's published numbers reach; None while it has none."""
    rows = reader.rows(
        """
        select
            accounts.account_id, accounts.name, accounts.default_currency,
            accounts.today, accounts.first_day, accounts.reporting_time_zone, accounts.now_at,
            accounts.watched_from, days.currencies,
            (
                select any_value(reporting_currency) from metrics_daily_reporting
                where account_id = ?
            ) as reporting
        from dim_accounts as accounts
        inner join (
            select account_id, list(distinct currency order by currency) as currencies
            from metrics_daily
            where account_id = ?
            group by account_id
        ) as days on accounts.account_id = days.account_id
        """,
        (account, account),
    )
    return _reach(rows[0]) if rows else None


def _reach(row: Row) -> Reach:
    default = row["default_currency"]
    currencies = sorted(row["currencies"], key=lambda each: (each != default, each))
    return Reach(
        account=row["account_id"],
        name=row["name"] or row["account_id"],
        today=row["today"],
        first_day=row["first_day"],
        currencies=tuple(currencies),
        timezone=row["reporting_time_zone"],
        as_of=row["now_at"].replace(tzinfo=UTC),
        watched_from=row["watched_from"].replace(tzinfo=UTC),
        reporting=row["reporting"] if currencies != [row["reporting"]] else None,
    )


def total(reader: Reader, selection: Selection, span: Span) -> Period | None:
    """All metrics over a range; None where the marts have no day of it."""
    return _periods(reader, selection, span)[1]


def series(reader: Reader, selection: Selection, span: Span) -> list[Period]:
    """All metrics by the selection's grain over a range, oldest first."""
    return _periods(reader, selection, span)[0]


def known_span(reach: Reach, metric: Metric, span: Span) -> bool:
    """Whether the imported history covers what a metric needs of a range."""
    if metric.over is Over.CLOSE:
        return reach.first_day <= span.last
    return reach.first_day <= span.first


_PERIODS = """
    {days}
        select
            {starts} as starts,
            grouping({starts}) = 1 as is_total,
            min(day) as first,
            max(day) as last,
            coalesce(arg_max_null(estimated_mrr_share, day), 0) as estimated_share,
            coalesce(max(estimated_mrr_share), 0) as most_estimated,
            {missing} as missing_rates,
            {columns}
        from days
        group by grouping sets (({starts}), ())
        having count(*) > 0
        order by starts
"""


def _periods(
    reader: Reader, selection: Selection, span: Span
) -> tuple[list[Period], Period | None]:
    """Each period and the whole range, by one query: reading the days is most of its work."""
    names = METRICS if selection.metrics is None else selection.metrics
    metrics = [METRICS[name] for name in names]
    reporting = selection.is_reporting
    if reporting:
        metrics.append(FX)
    query = _PERIODS.format(
        days=days(metrics, reporting=reporting),
        starts=f"date_trunc('{selection.grain}', day)::date",
        missing="string_agg(distinct missing_rates, ',')" if reporting else "null",
        columns=",\n            ".join(column(each, reporting=reporting) for each in metrics),
    )
    values = {
        "account": selection.account,
        "currency": selection.currency,
        "first": span.first,
        "last": span.last,
    }

    def make() -> tuple[list[Period], Period | None]:
        rows = reader.named(query, values)
        wholes = [_period(row, metrics, reporting) for row in rows if row["is_total"]]
        parts = [_period(row, metrics, reporting) for row in rows if not row["is_total"]]
        return parts, wholes[0] if wholes else None

    return reader.once((query, *values.values()), make)


def _period(row: Row, metrics: Sequence[Metric], reporting: bool) -> Period:
    return Period(
        starts=row["starts"],
        first=row["first"],
        last=row["last"],
        values={metric.name: _value(metric, row, reporting) for metric in metrics},
        estimated_share=row["estimated_share"],
        most_estimated=row["most_estimated"],
        missing_rates=tuple(sorted(set((row["missing_rates"] or "").split(",")) - {""})),
    )


def _value(metric: Metric, row: Row, reporting: bool) -> Number | None:
    if metric.over is not Over.PARTS or (reporting and metric.across is Across.APART):
        value: Any = row[metric.name]
        return value if value is None or isinstance(value, Decimal) else int(value)
    top, bottom = row[f"{metric.name}__top"], row[f"{metric.name}__bottom"]
    if not bottom:
        return None
    # Rounded half-up once to 6 decimals, as the marts' ratios are (docs/metrics.md §9).
    return Decimal((2 * top * _MILLION + bottom) // (2 * bottom)).scaleb(-6)
