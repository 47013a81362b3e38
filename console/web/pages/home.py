"""Where a person arrives, and whether the console is alive."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse

from connections.accounts import list_accounts
from console.web.context import Web, home_mark, web_of
from console.web.paths import HEALTH_PATH
from console.web.viewer import Viewer, current_viewer

router = APIRouter()


@router.get(HEALTH_PATH)
def health(web: Annotated[Web, Depends(web_of)]) -> dict[str, str]:
    """Say that the console answers, and of which home it is."""
    return {"status": "ok", "home": home_mark(web.settings)}


@router.get("/")
def index(
    web: Annotated[Web, Depends(web_of)],
    viewer: Annotated[Viewer, Depends(current_viewer)],
) -> RedirectResponse:
    """The first page: the numbers, or the way to some."""
    seen = (each for each in list_accounts(web.engine) if viewer.sees(each.account_id))
    imported = any(each.first_import_finished_at for each in seen)
    return RedirectResponse("/payments" if imported else "/integrations", 303)
