"""The shapes of the API's answers; FastAPI describes them from here by OpenAPI."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from console.web.numbers.data import Shown
from console.web.numbers.metrics import Good, Over, Unit
from console.web.numbers.selection import Grain
from console.web.numbers.widgets import Kind


class Format(StrEnum):
    """How the answer is written."""

    JSON = "json"
    CSV = "csv"
    FIGURE = "figure"
    """JSON, with the chart as a figure of plotly's."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What was wrong.

    Attributes:
        code: For programs.
        message: For people.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer when there is none."""

    error: Problem


@dataclass(frozen=True, slots=True)
class Selected:
    """What the numbers are of.

    Attributes:
        account: Stripe's id.
        currency: In lower case; money is in its major units.
        is_reporting: Whether it is all currencies together, converted to this one.
        first: First day, cut at the imported history.
        last: Last day.
        grain: What one point covers.
        timezone: In which days are cut.
        as_of: When the numbers are of, by Stripe's clock.
    """

    account: str
    currency: str
    is_reporting: bool
    first: str
    last: str
    grain: Grain
    timezone: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Point:
    """One period.

    Attributes:
        period: First day of the calendar day, week or month.
        value: Exact decimal text; null where there is no number.
        is_estimated: Whether it rests, in part, on estimated history.
    """

    period: str
    value: str | None
    is_estimated: bool


@dataclass(frozen=True, slots=True)
class MetricNumbers:
    """One metric.

    Attributes:
        name: Its column in the marts.
        label: For people.
        unit: What it counts.
        over: How days become a period.
        good: Which direction is good news.
        value: Over the whole range; exact decimal text.
        missing: Why there is no value.
        former: Over the period compared with; null where it is not wholly imported.
        is_estimated: Whether the value rests, in part, on estimated history.
        definition: Address of its definition.
        points: By the grain, oldest first.
    """

    name: str
    label: str
    unit: Unit
    over: Over
    good: Good
    value: str | None
    missing: str | None
    former: str | None
    is_estimated: bool
    definition: str
    points: list[Point]


@dataclass(frozen=True, slots=True)
class MetricsAnswer:
    """Metrics of one account."""

    selection: Selected
    metrics: list[MetricNumbers]


@dataclass(frozen=True, slots=True)
class WidgetEntry:
    """One widget that can be shown.

    Attributes:
        id: For addresses.
        kind: How it is shown.
        title: For people.
        about: What it tells.
        section: The heading that it stands under.
        columns: How wide it is by default, of twelve.
        rows: How high, in rows of a metric's card.
        metrics: The metrics that it shows.
    """

    id: str
    kind: Kind
    title: str
    about: str
    section: str
    columns: int
    rows: int
    metrics: list[str]


@dataclass(frozen=True, slots=True)
class WidgetsAnswer:
    """All widgets."""

    widgets: list[WidgetEntry]


@dataclass(frozen=True, slots=True)
class ColumnEntry:
    """One column of a widget's rows.

    Attributes:
        name: For programs.
        label: For people.
        kind: Its unit, or what it is where it is no number.
    """

    name: str
    label: str
    kind: Unit | Shown


@dataclass(frozen=True, slots=True)
class WidgetAnswer:
    """One widget's numbers.

    Attributes:
        widget: Its entry.
        selection: What the numbers are of.
        columns: What each place of a row is.
        rows: Exact; null where there is no number.
        note: What a person should know about the rows.
        empty: Why there are no rows.
        is_estimated: Whether a part rests on estimated history.
        figure: The chart as plotly's JSON, if asked for; colours are names of the pages' tokens.
    """

    widget: WidgetEntry
    selection: Selected
    columns: list[ColumnEntry]
    rows: list[list[str | None]]
    note: str | None
    empty: str | None
    is_estimated: bool
    figure: dict[str, Any] | None = None
