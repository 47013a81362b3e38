"""Custom dashboards: people's own, made of the table's widgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from connections import dashboards as shelf
from connections.accounts import list_accounts
from connections.dashboard_models import Dashboard
from connections.dashboards import ChangedElsewhereError, Place, UnknownDashboardError
from connections.errors import DashtrayError
from console.web.context import Web, web_of
from console.web.numbers.metrics import METRICS
from console.web.numbers.page import NoNumbers, Numbers, numbers_of
from console.web.numbers.selection import parse
from console.web.numbers.widgets import WIDGETS, Kind, Rendered, get_widget
from console.web.starters import STARTERS, place_of
from console.web.viewer import Viewer, current_viewer

router = APIRouter(prefix="/dashboards", include_in_schema=False)

_Web = Annotated[Web, Depends(web_of)]
_Viewer = Annotated[Viewer, Depends(current_viewer)]

SAID = {
    "saved": ("The dashboard is saved", ""),
    "copied": ("This is your copy", "Changes to it do not touch the original."),
    "shared": ("The dashboard is shared", "Who has an account here may open its link."),
    "unshared": ("The dashboard is yours alone", "Its link leads others nowhere now."),
    "deleted": ("The dashboard is deleted", ""),
}


@router.get("", response_class=HTMLResponse)
def dashboards(request: Request, web: _Web, viewer: _Viewer) -> Response:
    """The viewer's dashboards, and those that others share."""
    return _page(
        request,
        web,
        "dashboards.html",
        viewer=viewer,
        dashboards=shelf.list_dashboards(web.engine, viewer.user_id),
        starters=STARTERS,
    )


@router.post("")
def create(
    request: Request,
    web: _Web,
    viewer: _Viewer,
    name: Annotated[str, Form()] = "",
    starter: Annotated[str, Form()] = "blank",
) -> Response:
    """Make a dashboard, and go on to edit it."""
    if starter not in STARTERS:
        raise HTTPException(400, "There is no such beginning.")
    try:
        made = shelf.create_dashboard(web.engine, viewer.user_id, name, STARTERS[starter].places())
    except shelf.DashboardError as refused:
        return _page(
            request,
            web,
            "dashboards.html",
            status=400,
            viewer=viewer,
            dashboards=shelf.list_dashboards(web.engine, viewer.user_id),
            starters=STARTERS,
            refusal=str(refused),
            name=name,
            chosen=starter,
        )
    return RedirectResponse(f"/dashboards/{made.dashboard_id}/edit", 303)


@router.get("/cell", response_class=HTMLResponse)
def cell(request: Request, web: _Web, viewer: _Viewer, widget: str) -> Response:
    """One widget as the editor puts it on the grid."""
    place = place_of(widget)
    with _numbers(request, web, viewer, request.query_params) as numbers:
        shown = numbers.show(widget) if numbers else None
        return _page(
            request, web, "_cell.html", viewer=viewer, place=place, shown=shown, editing=True
        )


@router.get("/{dashboard_id}", response_class=HTMLResponse)
def show(request: Request, dashboard_id: str, web: _Web, viewer: _Viewer) -> Response:
    """A dashboard, with the numbers of an account of the viewer's."""
    return _show(request, web, viewer, _seen(web, viewer, dashboard_id), editing=False)


@router.get("/{dashboard_id}/edit", response_class=HTMLResponse)
def edit(request: Request, dashboard_id: str, web: _Web, viewer: _Viewer) -> Response:
    """The same with handles."""
    return _show(request, web, viewer, _own(web, viewer, dashboard_id), editing=True)


@router.put("/{dashboard_id}")
def save(
    dashboard_id: str,
    web: _Web,
    viewer: _Viewer,
    content: Annotated[dict[str, Any], Body()],
) -> Response:
    """Take what the editor made of it."""
    version = content.get("version")
    if type(version) is not int:
        return _error("The version that was loaded is missing.", 400)
    try:
        saved = shelf.save_dashboard(
            web.engine,
            viewer.user_id,
            dashboard_id,
            version=version,
            **_checked(web, viewer, content),
        )
    except UnknownDashboardError as unknown:
        return _error(str(unknown), 404)
    except ChangedElsewhereError as changed:
        return _error(str(changed), 409)
    except DashtrayError as refused:
        return _error(str(refused), 400)
    return JSONResponse({"version": saved.version})


@router.post("/{dashboard_id}/copy")
def copy(
    dashboard_id: str,
    web: _Web,
    viewer: _Viewer,
    content: Annotated[dict[str, Any], Body()],
) -> Response:
    """Keep what the editor made beside the dashboard, which another has changed meanwhile."""
    _seen(web, viewer, dashboard_id)
    try:
        made = shelf.create_dashboard(web.engine, viewer.user_id, **_checked(web, viewer, content))
    except DashtrayError as refused:
        return _error(str(refused), 400)
    return JSONResponse({"dashboard_id": made.dashboard_id}, 201)


@router.post("/{dashboard_id}/duplicate")
def duplicate(dashboard_id: str, web: _Web, viewer: _Viewer) -> Response:
    """Make a copy that is the viewer's."""
    _seen(web, viewer, dashboard_id)
    made = shelf.duplicate_dashboard(web.engine, viewer.user_id, dashboard_id)
    return RedirectResponse(f"/dashboards/{made.dashboard_id}?said=copied", 303)


@router.post("/{dashboard_id}/share")
@router.post("/{dashboard_id}/unshare")
def share(request: Request, dashboard_id: str, web: _Web, viewer: _Viewer) -> Response:
    """Let others on this instance open it, or no more."""
    _own(web, viewer, dashboard_id)
    shared = request.url.path.endswith("/share")
    shelf.share_dashboard(web.engine, viewer.user_id, dashboard_id, shared)
    said = "shared" if shared else "unshared"
    return RedirectResponse(f"/dashboards/{dashboard_id}?said={said}", 303)


@router.post("/{dashboard_id}/delete")
def delete(dashboard_id: str, web: _Web, viewer: _Viewer) -> Response:
    """Take it away."""
    _own(web, viewer, dashboard_id)
    shelf.delete_dashboard(web.engine, viewer.user_id, dashboard_id)
    return RedirectResponse("/dashboards?said=deleted", 303)


def _show(
    request: Request, web: Web, viewer: Viewer, dashboard: Dashboard, *, editing: bool
) -> Response:
    parameters = _opening(dashboard, viewer) | {
        name: word for name, word in request.query_params.items() if word
    }
    # Charts are fetched by the browser, one by one.
    needed = [each["widget"] for each in dashboard.widgets if each["widget"] in METRICS]
    with _numbers(request, web, viewer, parameters, needed) as numbers:
        return _page(
            request,
            web,
            "dashboard_edit.html" if editing else "dashboard.html",
            viewer=viewer,
            dashboard=dashboard,
            mine=dashboard.owner_id == viewer.user_id,
            numbers=numbers,
            cells=_cells(dashboard, numbers),
            editing=editing,
            gallery=_gallery(),
            seen_accounts=[
                account for account in list_accounts(web.engine) if viewer.sees(account.account_id)
            ],
        )


def _cells(dashboard: Dashboard, numbers: Numbers | None) -> list[tuple[Place, Rendered | None]]:
    places = [Place.from_json(each) for each in dashboard.widgets]
    return [
        # What this version does not have any more is left out of sight, and stays stored.
        (place, numbers.show(place.widget, text=place.text) if numbers else None)
        for place in places
        if place.widget in WIDGETS
    ]


def _gallery() -> list[tuple[str, list[Any]]]:
    chosen = (widget for widget in WIDGETS.values() if widget.kind is not Kind.TEXT)
    ordered = sorted(chosen, key=lambda widget: widget.section)
    groups = [(name, list(group)) for name, group in groupby(ordered, lambda each: each.section)]
    return [*groups, ("Text", [get_widget(shelf.TEXT_WIDGET)])]


def _opening(dashboard: Dashboard, viewer: Viewer) -> dict[str, str]:
    """What a dashboard opens with, for this viewer."""
    account = dashboard.opens_with_account
    seen = {"account": account} if account is not None and viewer.sees(account) else {}
    return dict(dashboard.selection) | seen


@contextmanager
def _numbers(
    request: Request,
    web: Web,
    viewer: Viewer,
    parameters: Mapping[str, str],
    metrics: Sequence[str] | None = None,
) -> Iterator[Numbers | None]:
    """The numbers, or None while there are none: a dashboard can be made before an import."""
    with ExitStack() as stack:
        try:
            numbers = stack.enter_context(numbers_of(request, web, viewer, parameters, metrics))
        except NoNumbers:
            numbers = None
        yield numbers


def _seen(web: Web, viewer: Viewer, dashboard_id: str) -> Dashboard:
    try:
        return shelf.get_dashboard(web.engine, viewer.user_id, dashboard_id)
    except UnknownDashboardError as unknown:
        raise HTTPException(404, str(unknown)) from None


def _own(web: Web, viewer: Viewer, dashboard_id: str) -> Dashboard:
    dashboard = _seen(web, viewer, dashboard_id)
    if dashboard.owner_id != viewer.user_id:
        raise HTTPException(404, "There is no such page.")
    return dashboard


def _checked(web: Web, viewer: Viewer, content: Mapping[str, Any]) -> dict[str, Any]:
    """What the editor sent, as `save_dashboard` takes it.

    Raises:
        DashtrayError: It cannot be; says what.
    """
    name, widgets = content.get("name"), content.get("widgets")
    selection, account_id = content.get("selection"), content.get("account_id")
    if not isinstance(name, str) or not isinstance(widgets, list):
        raise shelf.DashboardError("A dashboard needs a name and a list of widgets.")
    if not isinstance(selection, dict):
        raise shelf.DashboardError("What the dashboard opens with must be an object.")
    places = [Place.from_json(each) for each in widgets]
    for place in places:
        get_widget(place.widget)
    if account_id is not None and not _is_seen(web, viewer, account_id):
        raise shelf.DashboardError("The account that it opens with is not there.")
    words = {str(key): str(word) for key, word in selection.items()}
    parse(words)
    return {
        "name": name,
        "places": places,
        "account_id": account_id,
        "selection": words,
    }


def _is_seen(web: Web, viewer: Viewer, account_id: object) -> bool:
    return any(
        account.account_id == account_id and viewer.sees(account.account_id)
        for account in list_accounts(web.engine)
    )


def _error(message: str, status: int) -> Response:
    return JSONResponse({"error": {"message": message}}, status)


def _page(
    request: Request, web: Web, template: str, *, status: int = 200, **values: Any
) -> Response:
    said = SAID.get(request.query_params.get("said", ""))
    return web.templates.TemplateResponse(
        request, template, {"said": said, **values}, status_code=status
    )
