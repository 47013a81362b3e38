"""What people see when a request cannot be answered: a page for people, one line for programs."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from connections.errors import DashtrayError, UnknownAccountError
from console.web.context import Web
from console.web.headers import HEADERS

_WORDS = {
    400: ("This cannot be read", "The request is malformed."),
    401: ("Log in first", "Nobody is logged in here."),
    404: ("Not here", "There is no such page, or it is not yours to see."),
    405: ("Not like this", "This page does not take that."),
    422: ("This cannot be read", "Something in the address or the form is missing or malformed."),
    429: ("Too often", "Wait a minute, then try again."),
    500: ("Something broke", "The console's log says what. Nothing was changed by halves."),
}


def handle_mistakes(app: FastAPI, web: Web) -> None:
    """Let the application answer errors with our pages."""

    def answer(request: Request, status: int, detail: object = None) -> Response:
        title, words = _WORDS.get(status, ("Not possible", "The request was refused."))
        said = detail if isinstance(detail, str) and detail and status not in {404, 405} else words
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"error": said}, status)
        return web.templates.TemplateResponse(
            request,
            "door.html",
            {"title": title, "text": said, "next_step": "", "back": "/"},
            status_code=status,
        )

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        response = answer(request, error.status_code, error.detail)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        # The library's own words repeat what was sent.
        return answer(request, 422)

    @app.exception_handler(UnknownAccountError)
    def unknown(request: Request, error: UnknownAccountError) -> Response:
        # Its words list the accounts that there are, for the operator's command line.
        return answer(request, 404)

    @app.exception_handler(DashtrayError)
    def mistaken(request: Request, error: DashtrayError) -> Response:
        return answer(request, 400, str(error))

    @app.exception_handler(Exception)
    def broken(request: Request, error: Exception) -> Response:
        # This one answers outside of the middleware that adds the headers.
        response = answer(request, 500)
        response.headers.update({**HEADERS, "Cache-Control": "no-store"})
        return response
