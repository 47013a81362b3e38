"""The table of widgets: for the Payments page, custom dashboards, the JSON API and other sites.

A new widget is one entry in `WIDGETS`; a metric's follows from its entry in `METRICS`. `render` is
the one way from an entry and a selection to what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType

from connections.errors import DashtrayError
from console.web.numbers import cards, charts, courses, facts, prose
from console.web.numbers.cards import Card
from console.web.numbers.data import Data
from console.web.numbers.metrics import METRICS, Across, Metric
from console.web.numbers.plotting import Figure
from console.web.numbers.published import Reader
from console.web.numbers.selection import Selection


class UnknownWidget(DashtrayError):
    """There is no widget of that id."""


class Kind(StrEnum):
    """How a widget is shown."""

    METRIC = "metric"
    CHART = "chart"
    TABLE = "table"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Size:
    """On a grid of twelve columns.

    Attributes:
        columns: How wide, 1 to 12.
        rows: How high, in rows of a metric's card.
    """

    columns: int
    rows: int


#: What a renderer makes: a metric's card, a chart's figure, a text's HTML; a table is its data.
Content = Card | Figure | str | None


@dataclass(frozen=True, slots=True)
class Widget:
    """One entry.

    Attributes:
        id: In URLs and saved dashboards; never changes.
        kind: How it is shown.
        title: What people call it.
        about: What it tells, one sentence, for the gallery.
        query: From the marts to rows.
        renderer: From rows to what is shown.
        size: When it is put on a dashboard.
        section: The heading that it stands under in the gallery.
        metrics: The metrics that it shows, for links to their definitions.
        one_currency: Whether its rows are in the currency in which they were paid, so that there
            is none of them in the reporting currency.
    """

    id: str
    kind: Kind
    title: str
    about: str
    query: Callable[[Reader, Selection], Data]
    renderer: Callable[[Data, Selection], Content]
    size: Size
    section: str
    metrics: tuple[str, ...] = ()
    one_currency: bool = False

    def is_shown_in(self, selection: Selection) -> bool:
        """Whether there can be numbers of it in the selected currency."""
        if not selection.is_reporting or self.kind in {Kind.METRIC, Kind.TEXT}:
            return True
        together = any(METRICS[name].across is not Across.APART for name in self.metrics)
        return together and not self.one_currency


@dataclass(frozen=True, slots=True)
class Rendered:
    """A widget with its numbers.

    Attributes:
        widget: Its entry.
        selection: What was selected.
        data: The rows, exact.
        content: What its renderer made of them; None for a table, and where there are no rows.
        empty: Why there is nothing to show; None where there is something.
        estimated: Whether a part of it rests on estimated history.
    """

    widget: Widget
    selection: Selection
    data: Data
    content: Content
    empty: str | None
    estimated: bool


def _nothing(_data: Data, _selection: Selection) -> None:
    return None


def _of_metric(metric: Metric) -> Widget:
    return Widget(
        metric.name,
        Kind.METRIC,
        metric.label,
        "",
        partial(cards.read, metric=metric),
        partial(cards.draw, metric=metric),
        Size(3, 1),
        metric.section,
        (metric.name,),
    )


_CHART, _TABLE = Kind.CHART, Kind.TABLE
_HALF, _WIDE = Size(6, 3), Size(12, 3)
_RECURRING, _CUSTOMERS, _MONEY = "Recurring revenue", "Customers", "Revenue and payments"

_ENTRIES = (
    Widget(
        "mrr_over_time", _CHART, "MRR over time",
        "Monthly recurring revenue at each close, beside the former period.",
        courses.mrr, charts.mrr_line, _WIDE, _RECURRING, ("mrr",),
    ),
    Widget(
        "mrr_movements", _CHART, "MRR movements",
        "What came in and what was lost, period by period.",
        courses.course(*courses.MOVEMENTS, with_fx=True),
        charts.bars(
            ("mrr_new", "@chart-1"), ("mrr_reactivation", "@chart-4"),
            ("mrr_expansion", "@chart-2"), ("mrr_contraction", "@chart-3"),
            ("mrr_churn", "@chart-5"), ("mrr_fx", "@chart-6"), sum_line=("Net change", "@text"),
        ),
        _HALF, _RECURRING, courses.MOVEMENTS,
    ),
    Widget(
        "mrr_waterfall", _CHART, "From opening to closing MRR",
        "The whole period's movements, step by step.",
        courses.waterfall, charts.waterfall, _HALF, _RECURRING,
        ("mrr_opening", *courses.MOVEMENTS, "mrr"),
    ),
    Widget(
        "plan_mix", _CHART, "Plan mix", "MRR by price.",
        facts.plan_mix, charts.ranking("plan", "mrr", "@chart-1"), _HALF, _RECURRING,
        one_currency=True,
    ),
    Widget(
        "subscriptions_over_time", _CHART, "Subscriptions",
        "Subscriptions that began and that ended, period by period.",
        courses.course("new_subscriptions", "churned_subscriptions"),
        charts.bars(
            ("new_subscriptions", "@chart-2"), ("churned_subscriptions", "@chart-3"),
            negated=("churned_subscriptions",), sum_line=("Net change", "@text"),
        ),
        _HALF, _RECURRING, ("new_subscriptions", "churned_subscriptions"),
    ),
    Widget(
        "churn_over_time", _CHART, "Churn, 30 days",
        "Customers and MRR lost over the 30 days before each close.",
        courses.course("customer_churn_rate_30d", "gross_mrr_churn_rate"),
        charts.lines(("customer_churn_rate_30d", "@chart-1"), ("gross_mrr_churn_rate", "@chart-3")),
        _HALF, _CUSTOMERS, ("customer_churn_rate_30d", "gross_mrr_churn_rate"),
    ),
    Widget(
        "retention_over_time", _CHART, "Retention, 30 days",
        "Of the MRR 30 days before each close, what the same customers still pay.",
        courses.course("nrr", "grr"),
        charts.lines(("nrr", "@chart-2"), ("grr", "@chart-1")),
        _HALF, _CUSTOMERS, ("nrr", "grr"),
    ),
    Widget(
        "cohorts", _CHART, "Cohorts",
        "Of the MRR that a month's new customers began with, what is left later.",
        facts.cohorts, charts.cohorts, Size(12, 4), _CUSTOMERS, one_currency=True,
    ),
    Widget(
        "customers_over_time", _CHART, "Customers and subscribers",
        "All customers, and those who pay a subscription.",
        courses.course("active_subscribers", "customer_count"),
        charts.lines(("customer_count", "@chart-6"), ("active_subscribers", "@chart-1")),
        _HALF, _CUSTOMERS, ("customer_count", "active_subscribers"),
    ),
    Widget(
        "revenue_over_time", _CHART, "Revenue, gross and net",
        "Captured charges, what went back as refunds and disputes, and what is left.",
        courses.course("gross_revenue", "refunds", "disputes"),
        charts.bars(
            ("gross_revenue", "@chart-1"), ("refunds", "@chart-3"), ("disputes", "@chart-5"),
            negated=("refunds", "disputes"), sum_line=("Net revenue", "@text"),
        ),
        _HALF, _MONEY, ("gross_revenue", "refunds", "disputes", "net_revenue"),
    ),
    Widget(
        "payments_over_time", _CHART, "Payments succeeded and failed",
        "Attempts to take a payment, by how they ended.",
        courses.course("transaction_count", "failed_payments"),
        charts.bars(("transaction_count", "@chart-2"), ("failed_payments", "@chart-3")),
        _HALF, _MONEY, ("transaction_count", "failed_payments"),
    ),
    Widget(
        "success_over_time", _CHART, "Payment success rate",
        "Payments that succeeded in the end, and attempts that succeeded.",
        courses.course("payment_success_rate", "attempt_success_rate"),
        charts.lines(("payment_success_rate", "@chart-2"), ("attempt_success_rate", "@chart-6")),
        _HALF, _MONEY, ("payment_success_rate", "attempt_success_rate"),
    ),
    Widget(
        "revenue_by_country", _CHART, "Revenue by country",
        "Captured charges by where the payer is.",
        facts.revenue_by_country, charts.ranking("country", "gross_revenue", "@chart-2"),
        _HALF, _MONEY, ("gross_revenue",), one_currency=True,
    ),
    Widget(
        "failure_reasons", _CHART, "Why payments failed", "Failed attempts by Stripe's reason.",
        facts.failure_reasons, charts.ranking("reason", "failed_payments", "@chart-3"),
        _HALF, _MONEY, ("failed_payments",), one_currency=True,
    ),
    Widget(
        "top_customers", _TABLE, "Top customers", "The ten customers with the most MRR.",
        facts.top_customers, _nothing, _HALF, _CUSTOMERS, one_currency=True,
    ),
    Widget(
        "plans", _TABLE, "Plans", "Subscriptions, subscribers and MRR by price.",
        facts.plan_mix, _nothing, _HALF, _RECURRING, one_currency=True,
    ),
    Widget(
        "revenue_by_product", _TABLE, "Revenue by product",
        "Charges, refunds and disputes by what was sold.",
        facts.revenue_by_product, _nothing, _HALF, _MONEY, one_currency=True,
    ),
)  # fmt: skip

#: Every widget by its id.
WIDGETS: Mapping[str, Widget] = MappingProxyType(
    {
        widget.id: widget
        for widget in (
            *map(_of_metric, METRICS.values()),
            *_ENTRIES,
            Widget(
                "text", Kind.TEXT, "Text", "A heading, an explanation, a list.",
                prose.read, prose.draw, Size(6, 1), "Text",
            ),
        )
    }
)  # fmt: skip


def get_widget(widget_id: str) -> Widget:
    """The widget of that id.

    Raises:
        UnknownWidget: There is none.
    """
    try:
        return WIDGETS[widget_id]
    except KeyError:
        raise UnknownWidget(f"There is no widget {widget_id!r}.") from None


def render(
    reader: Reader,
    widget_id: str,
    selection: Selection,
    *,
    text: str | None = None,
    charts: bool = True,
) -> Rendered:
    """A widget with its numbers.

    Args:
        reader: The marts.
        widget_id: Which.
        selection: Of an account that the viewer may see.
        text: What a text widget says; others do not look at it.
        charts: Whether charts are drawn; else they come without rows, for the browser to fetch.

    Raises:
        UnknownWidget: There is none of that id.
    """
    widget = get_widget(widget_id)
    if not widget.is_shown_in(selection):
        return Rendered(widget, selection, Data((), []), None, _one_at_a_time(selection), False)
    if widget.kind is Kind.CHART and not charts:
        return Rendered(widget, selection, Data((), []), None, None, False)
    data = widget.query(reader, selection)
    if widget.kind is Kind.TEXT:
        data = prose.data(text)
    # A metric's card says by itself why it has no number.
    has_content = bool(data.rows) or widget.kind is Kind.METRIC
    names = [column.name for column in data.columns]
    return Rendered(
        widget=widget,
        selection=selection,
        data=data,
        content=widget.renderer(data, selection) if has_content else None,
        empty=None if data.rows else data.empty,
        estimated="is_estimated" in names and any(data.column("is_estimated")),
    )


def _one_at_a_time(selection: Selection) -> str:
    choices = ", ".join(each.upper() for each in selection.reach.currencies)
    return f"This is told for one currency at a time. Choose one: {choices}."
