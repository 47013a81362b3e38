"""What a person sees when numbers cannot be shown: a page, or JSON from the API."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from connections.errors import DashtrayError
from console.web.context import web_of
from console.web.numbers.metrics import UnknownMetric
from console.web.numbers.page import NoNumbers, NoSuchAccount
from console.web.numbers.selection import SelectionError
from console.web.numbers.widgets import UnknownWidget
from console.web.viewer import current_viewer

#: Which answer each error is: its status, its code in JSON and its page's heading.
_ANSWERS: dict[type[DashtrayError], tuple[int, str, str]] = {
    SelectionError: (400, "bad_parameter", "This address asks for something that there is not"),
    NoSuchAccount: (404, "no_such_account", "There is no such account"),
    NoNumbers: (404, "no_numbers", "No numbers yet"),
    UnknownMetric: (404, "no_such_metric", "There is no such metric"),
    UnknownWidget: (404, "no_such_widget", "There is no such widget"),
}


def handle_problems(app: FastAPI) -> None:
    """Let the application answer these errors."""
    for kind in _ANSWERS:
        app.add_exception_handler(kind, _answer)


def _answer(request: Request, error: Exception) -> Response:
    status, code, heading = next(
        answer for kind, answer in _ANSWERS.items() if isinstance(error, kind)
    )
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": {"code": code, "message": str(error)}}, status)
    viewer = getattr(request.state, "viewer", None) or current_viewer(request)
    return web_of(request).templates.TemplateResponse(
        request,
        "problem.html",
        {"heading": heading, "message": str(error), "viewer": viewer},
        status_code=status,
    )
