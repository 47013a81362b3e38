"""Watching a sync: a page that shows how far it is, and the events that keep the page alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from connections.accounts import get_account
from connections.sync_reports import last_syncs, open_requests
from console.run_reports import read_report, recent_reports
from console.web.accounts import AddressedAccount
from console.web.context import Web, web_of
from console.web.estimate import estimate
from console.web.progress import STEPS, SyncProgress, foremost, progress_of
from console.web.viewer import Viewer, current_viewer

router = APIRouter(prefix="/integrations")


LOOK_SECONDS = 0.5
"""How often a watched sync is looked at: three short queries and a small file."""

ALIVE_SECONDS = 15.0
"""So often something is sent, that nobody between takes the connection for dead."""

EARLIER_RUNS = 20
"""Runs whose reports an estimate may be founded on."""


@router.get("/{account_id}/progress", response_class=HTMLResponse)
def progress_page(
    request: Request,
    web: Annotated[Web, Depends(web_of)],
    viewer: Annotated[Viewer, Depends(current_viewer)],
    account: AddressedAccount,
) -> Response:
    """How far the account's import is; the dashboard opens by itself when it is ready."""
    progress = look(web, account.account_id, recent_reports(web.settings, EARLIER_RUNS))
    return web.templates.TemplateResponse(
        request,
        "progress.html",
        {
            "viewer": viewer,
            "account": account,
            "progress": progress,
            "steps": STEPS,
            "dagster_url": web.dagster_url,
        },
    )


@router.get("/{account_id}/events")
async def events(
    request: Request,
    web: Annotated[Web, Depends(web_of)],
    account: AddressedAccount,
) -> Response:
    """Server-sent events: the sync's progress, whenever it changes, until it is over."""
    return StreamingResponse(
        _told(request, web, account.account_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def look(web: Web, account_id: str, earlier: list[dict[str, Any]]) -> SyncProgress:
    """How far the account's sync is now.

    Args:
        web: The console's parts.
        account_id: The account.
        earlier: Reports of earlier runs, for the estimate.
    """
    account = get_account(web.engine, account_id)
    sync = last_syncs(web.engine, [account_id]).get(account_id)
    request = foremost(open_requests(web.engine, [account_id]).get(account_id, []))
    report = None if sync is None else read_report(web.settings, sync.run_id)
    progress = progress_of(account, request, sync, report, now=datetime.now(UTC))
    if sync is None or sync.finished_at is not None:
        return progress
    guess = estimate(report, earlier, now=time.time())
    return replace(progress, reading_left=guess.reading, seconds_left=guess.whole)


async def _told(request: Request, web: Web, account_id: str) -> AsyncIterator[bytes]:
    # Whoever loses the connection comes back after a second.
    yield b"retry: 1000\n\n"
    earlier = await run_in_threadpool(recent_reports, web.settings, EARLIER_RUNS)
    told, told_at = None, time.monotonic()
    while not web.is_closing() and not await request.is_disconnected():
        progress = await run_in_threadpool(look, web, account_id, earlier)
        if progress != told:
            told, told_at = progress, time.monotonic()
            yield b"event: progress\ndata: " + orjson.dumps(progress.as_json()) + b"\n\n"
            if progress.is_over:
                return
        elif time.monotonic() - told_at > ALIVE_SECONDS:
            told_at = time.monotonic()
            yield b": still here\n\n"
        await asyncio.sleep(LOOK_SECONDS)
