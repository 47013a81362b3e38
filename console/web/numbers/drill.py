"""From a number down to what it is made of: subscriptions, movements, payments, customers.

Which rows they are, the table `drills` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from console.web.numbers.data import Data
from console.web.numbers.drills import DRILLS
from console.web.numbers.metrics import Metric, Unit
from console.web.numbers.published import Reader
from console.web.numbers.selection import Selection, SelectionError

PAGE = 50
_FURTHEST = 100_000


@dataclass(frozen=True, slots=True)
class Drilled:
    """One page of rows.

    Attributes:
        title: What they are.
        data: The rows.
        page: Which page, from 1.
        pages: How many there are.
        count: Rows on all pages.
        total: What they add up to; None where they do not.
        total_unit: Its unit.
    """

    title: str
    data: Data
    page: int
    pages: int
    count: int
    total: Decimal | int | None
    total_unit: Unit


def page_number(word: str) -> int:
    """Which page an address asks for; nothing = the first.

    Raises:
        SelectionError: It is no number of a page.
    """
    if not word.strip():
        return 1
    if not (word.isascii() and word.isdigit() and 1 <= int(word[:9]) <= _FURTHEST):
        raise SelectionError(f"page= must be a number from 1 to {_FURTHEST}.")
    return int(word[:9])


def drill_into(reader: Reader, selection: Selection, metric: Metric, *, page: int) -> Drilled:
    """The rows behind a metric, one page of them.

    Args:
        reader: The marts.
        selection: What was selected.
        metric: Whose rows.
        page: From 1.
    """
    entry = DRILLS[metric.name]
    facts = f"from {entry.table} as facts where {entry.where}"
    sums = "count(*)" if entry.amount in {None, "count"} else f"coalesce(sum({entry.amount}), 0)"
    summary = reader.named(
        f"select count(*) as rows, {sums} as total {facts}",
        _values(selection),
    )[0]
    rows = reader.named(
        f"""
        select {entry.shown}
        from (
            select facts.* {facts} order by {entry.order} limit {PAGE} offset {PAGE * (page - 1)}
        ) as facts {entry.joins}
        order by {entry.order}
        """,  # noqa: S608 - only words of the table of drill-downs
        _values(selection),
    )
    count = int(summary["rows"])
    return Drilled(
        title=entry.title,
        data=Data(entry.columns, [tuple(row.values()) for row in rows]),
        page=page,
        pages=max(1, -(-count // PAGE)),
        count=count,
        total=None if entry.amount is None else summary["total"],
        total_unit=Unit.COUNT if entry.amount == "count" else Unit.MONEY,
    )


def _values(selection: Selection) -> dict[str, str | date]:
    return {
        "account": selection.account,
        "currency": selection.currency,
        "first": selection.span.first,
        "last": selection.span.last,
        "timezone": selection.reach.timezone,
    }
