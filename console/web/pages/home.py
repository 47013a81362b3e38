"""Where a person arrives, and whether the console is alive."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from console.web.context import Web, home_mark, web_of
from console.web.paths import HEALTH_PATH
from console.web.viewer import Viewer, current_viewer

router = APIRouter()


@router.get(HEALTH_PATH)
def health(web: Annotated[Web, Depends(web_of)]) -> dict[str, str]:
    """Say that the console answers, and of which home it is."""
    return {"status": "ok", "home": home_mark(web.settings)}


@router.get("/", response_class=HTMLResponse)
def index(
    request: Request,
    web: Annotated[Web, Depends(web_of)],
    viewer: Annotated[Viewer, Depends(current_viewer)],
) -> HTMLResponse:
    """The first page."""
    return web.templates.TemplateResponse(request, "index.html", {"viewer": viewer})
