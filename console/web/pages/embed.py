"""A page of one widget, for frames of other sites that the operator allows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from console.web.context import Web, web_of
from console.web.headers import content_policy
from console.web.numbers.page import numbers_of
from console.web.numbers.widgets import get_widget
from console.web.viewer import Viewer, current_viewer

router = APIRouter(include_in_schema=False)


@router.get("/embed/{widget_id}", response_class=HTMLResponse)
def embed(
    request: Request,
    widget_id: str,
    web: Annotated[Web, Depends(web_of)],
    viewer: Annotated[Viewer, Depends(current_viewer)],
) -> HTMLResponse:
    """One widget; who may see it is decided as on every page."""
    needed = get_widget(widget_id).metrics
    ancestors = web.settings.embed_ancestors
    with numbers_of(request, web, viewer, metrics=needed) as numbers:
        answer = web.templates.TemplateResponse(
            request,
            "embed.html",
            {
                "viewer": viewer,
                "shown": numbers.show(widget_id),
                "framing_off": not ancestors,
            },
        )
    answer.headers["Content-Security-Policy"] = content_policy(
        frame_ancestors=ancestors, form_action=("'none'",)
    )
    return answer
