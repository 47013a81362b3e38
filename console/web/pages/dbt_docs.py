"""dbt's docs site, as `make docs` builds it: one static page of all models and columns."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from console.dagster_home import PROJECT_DIR
from console.web.context import Web, web_of
from console.web.viewer import Viewer, current_viewer

router = APIRouter(prefix="/docs", include_in_schema=False)

PAGE = PROJECT_DIR / "docs-site" / "index.html"

# dbt's page is one file of inline scripts. In a sandbox without an origin they reach neither the
# console's cookies nor its pages, whatever is in them; no address at all may be asked.
_POLICY = (
    "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'"
    " 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; font-src data:;"
    " frame-ancestors 'self'"
)


@router.get("", response_class=HTMLResponse)
def docs(
    request: Request,
    web: Annotated[Web, Depends(web_of)],
    viewer: Annotated[Viewer, Depends(current_viewer)],
) -> HTMLResponse:
    """The site within the console's frame, or how to build it."""
    return web.templates.TemplateResponse(
        request, "docs.html", {"viewer": viewer, "is_built": PAGE.exists()}
    )


@router.get("/site")
def site(_viewer: Annotated[Viewer, Depends(current_viewer)]) -> Response:
    """The static page itself."""
    if not PAGE.exists():
        return Response("Not built yet: make docs", 404, media_type="text/plain")
    return FileResponse(PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY})
