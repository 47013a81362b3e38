"""The Payments dashboard, what each of its numbers means, and what is behind it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from console.web.context import Web, web_of
from console.web.numbers.definitions import definitions
from console.web.numbers.drill import drill_into, page_number
from console.web.numbers.metrics import METRICS, Across, get_metric
from console.web.numbers.page import NoNumbers, Numbers, numbers_of
from console.web.numbers.widgets import Rendered, get_widget
from console.web.viewer import Viewer, current_viewer

router = APIRouter(prefix="/payments", include_in_schema=False)

#: What the page shows, in its order: numbers first, then headed groups of widgets.
NUMBERS = (
    ("mrr", "arr", "gross_revenue", "net_revenue"),
    (
        "active_subscriptions",
        "new_subscriptions",
        "churned_subscriptions",
        "customer_churn_rate_30d",
    ),
    ("customer_count", "customer_growth_rate", "arpu", "ltv"),
    ("payment_success_rate", "failed_payments", "transaction_count", "nrr"),
)
_SHOWN = tuple(name for row in NUMBERS for name in row)
#: Drawn from the page itself; what it needs the numbers above it have read already.
FIRST_CHART = "mrr_over_time"
GROUPS = (
    (
        "Recurring revenue",
        ("mrr_over_time", "mrr_movements", "mrr_waterfall", "subscriptions_over_time", "plan_mix"),
    ),
    (
        "Revenue and payments",
        ("revenue_over_time", "payments_over_time", "revenue_by_country", "failure_reasons"),
    ),
    ("Customers", ("cohorts", "top_customers", "churn_over_time")),
)

_Web = Annotated[Web, Depends(web_of)]
_Viewer = Annotated[Viewer, Depends(current_viewer)]


@router.get("", response_class=HTMLResponse)
def dashboard(request: Request, web: _Web, viewer: _Viewer) -> HTMLResponse:
    """All numbers of one account, at a glance."""
    try:
        with numbers_of(request, web, viewer, metrics=_SHOWN) as numbers:
            return web.templates.TemplateResponse(
                request,
                "payments.html",
                {
                    "viewer": viewer,
                    "numbers": numbers,
                    "cards": [numbers.show(name) for name in _SHOWN],
                    "groups": [
                        (heading, [_shown(numbers, widget_id) for widget_id in widget_ids])
                        for heading, widget_ids in GROUPS
                    ],
                },
            )
    except NoNumbers as nothing:
        return web.templates.TemplateResponse(
            request, "payments_empty.html", {"viewer": viewer, "nothing": nothing}
        )


def _shown(numbers: Numbers, widget_id: str) -> Rendered:
    return (numbers.render if widget_id == FIRST_CHART else numbers.show)(widget_id)


@router.get("/table/{widget_id}", response_class=HTMLResponse)
def table(request: Request, widget_id: str, web: _Web, viewer: _Viewer) -> HTMLResponse:
    """A chart's rows as a table, for people who do not see charts or want the numbers."""
    needed = get_widget(widget_id).metrics
    with numbers_of(request, web, viewer, metrics=needed) as numbers:
        return web.templates.TemplateResponse(
            request,
            "widget_table.html",
            {"viewer": viewer, "numbers": numbers, "shown": numbers.render(widget_id)},
        )


@router.get("/definitions", response_class=HTMLResponse)
def all_definitions(request: Request, web: _Web, viewer: _Viewer) -> HTMLResponse:
    """What every metric means, in short."""
    sections: dict[str, list[object]] = {}
    for metric in METRICS.values():
        sections.setdefault(metric.section, []).append((metric, definitions()[metric.name]))
    return web.templates.TemplateResponse(
        request, "definitions.html", {"viewer": viewer, "sections": sections}
    )


@router.get("/definitions/{name}", response_class=HTMLResponse)
def definition(request: Request, name: str, web: _Web, viewer: _Viewer) -> HTMLResponse:
    """What one metric means: formula, Stripe's definition and where ours differs, an example."""
    metric = get_metric(name)
    return web.templates.TemplateResponse(
        request,
        "definition.html",
        {"viewer": viewer, "metric": metric, "definition": definitions()[name]},
    )


@router.get("/drill/{name}", response_class=HTMLResponse)
def drill(request: Request, name: str, web: _Web, viewer: _Viewer, page: str = "") -> HTMLResponse:
    """The customers, subscriptions or payments that a number is made of."""
    metric = get_metric(name)
    with numbers_of(request, web, viewer, metrics=(name,)) as numbers:
        return web.templates.TemplateResponse(
            request,
            "drill.html",
            {
                "viewer": viewer,
                "numbers": numbers,
                "metric": metric,
                "card": numbers.show(name).content,
                # Rows are in the currency in which they were paid: a page of them in several
                # would add up to nothing.
                "drill": None
                if numbers.selection.is_reporting and metric.across is not Across.SAME
                else drill_into(numbers.reader, numbers.selection, metric, page=page_number(page)),
            },
        )
