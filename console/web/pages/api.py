"""The JSON API: metrics and widgets, for programs. Money is decimal text, never a float."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from console.web.context import Web, web_of
from console.web.numbers import formats
from console.web.numbers.cards import not_together
from console.web.numbers.data import plain
from console.web.numbers.metrics import Metric, get_metric
from console.web.numbers.page import Numbers, numbers_of
from console.web.numbers.queries import Period, known_span, series, total
from console.web.numbers.selection import Comparison, Grain
from console.web.numbers.widgets import WIDGETS, Kind, Rendered, Widget, get_widget
from console.web.pages.api_answers import (
    ColumnEntry,
    Failure,
    Format,
    MetricNumbers,
    MetricsAnswer,
    Point,
    Problem,
    Selected,
    WidgetAnswer,
    WidgetEntry,
    WidgetsAnswer,
)
from console.web.viewer import Viewer, current_viewer

_Account = Annotated[
    str | None, Query(description="Stripe's id, acct_…; by default the first with numbers.")
]
_Currency = Annotated[
    str | None,
    Query(
        description="Three letters, by default the account's own; or `reporting`: all currencies,"
        " converted, where the operator has chosen one to report in."
    ),
]
_Range = Annotated[
    str | None, Query(description="7d, 30d, 90d, month, last_month, quarter, year, 12m, all.")
]
_From = Annotated[str | None, Query(alias="from", description="First day, YYYY-MM-DD.")]
_To = Annotated[str | None, Query(alias="to", description="Last day, YYYY-MM-DD.")]
_Compare = Annotated[Comparison | None, Query(description="The period compared with.")]
_Grain = Annotated[Grain | None, Query(description="What one point covers.")]
_Locale = Annotated[str | None, Query(description="For words in notes and figures, such as en-GB.")]


def _selection_words(
    account: _Account = None,
    currency: _Currency = None,
    range: _Range = None,
    first: _From = None,
    last: _To = None,
    compare: _Compare = None,
    grain: _Grain = None,
    locale: _Locale = None,
) -> dict[str, str]:
    """The words of a selection; `selection.parse` reads them as it does for pages."""
    words = {
        "account": account,
        "currency": currency,
        "range": range,
        "from": first,
        "to": last,
        "compare": compare,
        "grain": grain,
        "locale": locale,
    }
    return {name: str(word) for name, word in words.items() if word is not None}


_Words = Annotated[dict[str, str], Depends(_selection_words)]
_Web = Annotated[Web, Depends(web_of)]
_Viewer = Annotated[Viewer, Depends(current_viewer)]


class _Route(APIRoute):
    """A route whose answer to a value of the wrong kind is that to every other wrong value."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Handle a request."""
        handle = super().get_route_handler()

        async def handle_or_refuse(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                first = error.errors()[0]
                message = f"{first['loc'][-1]}: {first['msg']}."
                return JSONResponse(asdict(Failure(Problem("bad_parameter", message))), 400)

        return handle_or_refuse


router = APIRouter(prefix="/api", route_class=_Route)
_FAILURES: dict[int | str, dict[str, Any]] = {
    400: {
        "model": Failure,
        "description": "A parameter has a value that there is not. Text: the address is malformed.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    },
    401: {"description": "Nobody is logged in."},
    404: {"model": Failure, "description": "No such account, metric or widget, or no numbers yet."},
}
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}


@router.get("/v1/metrics", response_model=MetricsAnswer, responses=_FAILURES | _CSV)
def metrics(
    request: Request,
    web: _Web,
    viewer: _Viewer,
    words: _Words,
    metric: Annotated[list[str], Query(description="Names; several are allowed.", min_length=1)],
    format: Literal["json", "csv"] = "json",
) -> Any:
    """Metrics by period and over the whole range, exact."""
    chosen = [get_metric(name) for name in dict.fromkeys(metric)]
    needed = [each.name for each in chosen]
    with numbers_of(request, web, viewer, words, metrics=needed) as numbers:
        selection = numbers.selection
        points = series(numbers.reader, selection, selection.span)
        if format == "csv":
            return _csv(
                ["period", *(each.name for each in chosen), "estimated_mrr_share"],
                [
                    [
                        point.starts,
                        *(point.values[each.name] for each in chosen),
                        point.estimated_share,
                    ]
                    for point in points
                ],
                f"metrics-{selection.account}",
            )
        now = total(numbers.reader, selection, selection.span)
        return MetricsAnswer(
            _selected(numbers), [_metric(numbers, each, points, now) for each in chosen]
        )


@router.get("/v1/widgets", response_model=WidgetsAnswer, responses={401: _FAILURES[401]})
def widgets(_viewer: _Viewer) -> WidgetsAnswer:
    """What can be shown."""
    return WidgetsAnswer([_entry(widget) for widget in WIDGETS.values()])


@router.get("/v1/widgets/{widget_id}", response_model=WidgetAnswer, responses=_FAILURES | _CSV)
def widget(
    request: Request,
    widget_id: str,
    web: _Web,
    viewer: _Viewer,
    words: _Words,
    format: Format = Format.JSON,
) -> Any:
    """One widget's numbers."""
    needed = get_widget(widget_id).metrics
    with numbers_of(request, web, viewer, words, metrics=needed) as numbers:
        shown = numbers.render(widget_id)
        if format is Format.CSV:
            return _csv(
                [column.name for column in shown.data.columns],
                shown.data.rows,
                f"{widget_id}-{numbers.selection.account}",
            )
        answer = _widget(numbers, shown, with_figure=format is Format.FIGURE)
        # Already checked types: a second pass over a figure's thousands of points is for nothing.
        return JSONResponse(asdict(answer))


@router.get("/openapi.json", include_in_schema=False)
def description() -> JSONResponse:
    """This API, described by OpenAPI."""
    answer = get_openapi(
        title="Dashtray Stripe",
        version="1",
        description=(
            "Numbers of the published marts. Money is decimal text in major units, rates are "
            "shares (0.05 = 5 %); null is a number that does not exist."
        ),
        routes=router.routes,
    )
    for path in answer["paths"].values():
        for operation in path.values():
            # FastAPI's own answer to wrong values, in place of which `_Route` gives 400.
            operation["responses"].pop("422", None)
    return JSONResponse(answer)


def _metric(
    numbers: Numbers, metric: Metric, points: Sequence[Period], now: Period | None
) -> MetricNumbers:
    selection, former = numbers.selection, numbers.selection.former
    before = (
        total(numbers.reader, selection, former)
        if former and known_span(selection.reach, metric, former)
        else None
    )
    value = now.values[metric.name] if now else None
    missing = None
    if value is None:
        missing = metric.when_null if now else "no day of this period is imported"
        if now and selection.is_reporting:
            missing = not_together(metric, now) or missing
    return MetricNumbers(
        name=metric.name,
        label=metric.label,
        unit=metric.unit,
        over=metric.over,
        good=metric.good,
        value=plain(value),
        missing=missing,
        former=plain(before.values[metric.name]) if before else None,
        is_estimated=now is not None and now.is_estimated(metric),
        definition=f"/payments/definitions/{metric.name}",
        points=[
            Point(
                point.starts.isoformat(),
                plain(point.values[metric.name]),
                point.is_estimated(metric),
            )
            for point in points
        ],
    )


def _widget(numbers: Numbers, shown: Rendered, *, with_figure: bool) -> WidgetAnswer:
    is_chart = shown.widget.kind is Kind.CHART
    return WidgetAnswer(
        widget=_entry(shown.widget),
        selection=_selected(numbers),
        columns=[ColumnEntry(each.name, each.label, each.kind) for each in shown.data.columns],
        rows=[] if with_figure else [[plain(cell) for cell in row] for row in shown.data.rows],
        note=shown.data.note,
        empty=shown.empty,
        is_estimated=shown.estimated,
        figure=shown.content if with_figure and is_chart else None,  # type: ignore[arg-type]
    )


def _entry(widget: Widget) -> WidgetEntry:
    return WidgetEntry(
        id=widget.id,
        kind=widget.kind,
        title=widget.title,
        about=widget.about,
        section=widget.section,
        columns=widget.size.columns,
        rows=widget.size.rows,
        metrics=list(widget.metrics),
    )


def _selected(numbers: Numbers) -> Selected:
    selection = numbers.selection
    return Selected(
        account=selection.account,
        currency=selection.currency,
        is_reporting=selection.is_reporting,
        first=selection.span.first.isoformat(),
        last=selection.span.last.isoformat(),
        grain=selection.grain,
        timezone=selection.reach.timezone,
        as_of=selection.reach.as_of.isoformat(),
    )


def _csv(names: Sequence[str], rows: Sequence[Sequence[Any]], name: str) -> Response:
    """Exact numbers, one row per line; text is made safe for spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    for row in rows:
        writer.writerow(
            [
                formats.spreadsheet_safe(cell) if isinstance(cell, str) else plain(cell) or ""
                for cell in row
            ]
        )
    return Response(
        text.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
