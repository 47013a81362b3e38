"""Integrations: which accounts are connected, how each is doing, and what can be done about it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from connections import accounts as book
from connections.errors import DashtrayError
from connections.history import history_days_in_words, parse_history_days, set_history_days
from connections.models import Account, AuthKind, RequestKind, SyncOutcome
from connections.requests import QuotaExceededError, request_sync
from connections.standing import Standing, state_of
from connections.sync_reports import sync_history
from console.web.accounts import (
    AddressedAccount,
    account_rows,
    by_attention,
)
from console.web.choices import HISTORY_CHOICES, tiers_in_words
from console.web.context import Web, web_of
from console.web.viewer import Viewer, current_operator, current_viewer

router = APIRouter(prefix="/integrations")

_Web = Annotated[Web, Depends(web_of)]
_Viewer = Annotated[Viewer, Depends(current_viewer)]
_Operator = Annotated[Viewer, Depends(current_operator)]

PAGE = 50
"""Accounts shown at once."""

#: Badge of each standing: its word, its tone.
STANDINGS = {
    Standing.REVOKED: ("Access revoked", "bad"),
    Standing.FAILING: ("Failing", "bad"),
    Standing.LATE: ("Late", "warn"),
    Standing.IMPORTING: ("Importing", "info"),
    Standing.PAUSED: ("Paused", None),
    Standing.FRESH: ("Fresh", "good"),
    Standing.CONNECTED: ("Connected", "good"),
    Standing.DISCONNECTED: ("Disconnected", None),
}

KINDS = {
    RequestKind.FIRST_IMPORT: "First import",
    RequestKind.MANUAL: "By hand",
    RequestKind.WEBHOOK: "Webhook",
    RequestKind.TICK: "Schedule",
    RequestKind.REIMPORT: "Re-import",
    RequestKind.VERIFY: "Verification",
}

OUTCOMES = {
    None: ("Running", "info"),
    SyncOutcome.OK: ("Published", "good"),
    SyncOutcome.FAILED: ("Failed", "bad"),
    SyncOutcome.REVOKED: ("Revoked", "bad"),
}

#: What a page says after something was done: the word in the address, title and text.
SAID = {
    "sync": ("A sync was asked for", "It starts within a few seconds."),
    "tier": ("The tier was changed", "It holds from the next tick on."),
    "history": ("The history was changed", "The next sync reads what is missing."),
    "paused": ("The schedule is paused", "What was imported stays, and can be looked at."),
    "resumed": ("The schedule goes on", "The next tick syncs the account."),
    "disconnected": ("The account is disconnected", "Its tokens are deleted; its data are kept."),
}


@router.get("", response_class=HTMLResponse)
def integrations(
    request: Request,
    web: _Web,
    viewer: _Viewer,
    q: str = "",
    standing: str = "",
    page: int = 1,
) -> Response:
    """All accounts that the viewer sees, those that want attention first."""
    now = datetime.now(UTC)
    seen = [each for each in book.list_accounts(web.engine) if viewer.sees(each.account_id)]
    counts = Counter(state_of(each, now=now).standing for each in seen)
    chosen = [
        each
        for each in seen
        if _matches(each, q) and (not standing or state_of(each, now=now).standing == standing)
    ]
    pages = max(1, -(-len(chosen) // PAGE))
    page = min(max(1, page), pages)
    shown = by_attention(chosen, now=now)[(page - 1) * PAGE : page * PAGE]
    return _page(
        request,
        web,
        "integrations.html",
        viewer=viewer,
        rows=account_rows(web.engine, shown, now=now),
        total=len(seen),
        matching=len(chosen),
        counts={each: counts[each] for each in Standing if counts[each]},
        q=q,
        standing=standing,
        page=page,
        pages=pages,
    )


@router.get("/{account_id}", response_class=HTMLResponse)
def integration(
    request: Request,
    web: _Web,
    viewer: _Viewer,
    account: AddressedAccount,
) -> Response:
    """One account: how it is, its syncs, and what it costs of Stripe's allowance."""
    return _detail(request, web, viewer, account)


@router.post("/{account_id}/sync")
def sync(
    request: Request,
    web: _Web,
    viewer: _Viewer,
    account: AddressedAccount,
) -> Response:
    """Ask for a sync, within the quota."""
    try:
        request_sync(web.engine, account.account_id)
    except QuotaExceededError as refused:
        return _detail(request, web, viewer, account, refusal=str(refused), status=429)
    except DashtrayError as refused:
        return _detail(request, web, viewer, account, refusal=str(refused), status=409)
    if account.first_import_finished_at is None:
        return RedirectResponse(f"/integrations/{account.account_id}/progress", 303)
    return _done(account.account_id, "sync")


@router.post("/{account_id}/tier")
def tier(
    request: Request,
    tier: Annotated[str, Form()],
    web: _Web,
    viewer: _Operator,
    account: AddressedAccount,
) -> Response:
    """Move an account to another tier."""
    try:
        book.set_tier(web.engine, account.account_id, tier)
    except DashtrayError as refused:
        return _detail(request, web, viewer, account, refusal=str(refused), status=400)
    return _done(account.account_id, "tier")


@router.post("/{account_id}/history")
def history(
    request: Request,
    history_days: Annotated[str, Form()],
    web: _Web,
    viewer: _Operator,
    account: AddressedAccount,
) -> Response:
    """Say how much payment history is wanted."""
    try:
        set_history_days(web.engine, account.account_id, parse_history_days(history_days))
    except DashtrayError as refused:
        return _detail(request, web, viewer, account, refusal=str(refused), status=400)
    return _done(account.account_id, "history")


@router.post("/{account_id}/pause")
@router.post("/{account_id}/resume")
def pause_or_resume(
    request: Request,
    web: _Web,
    viewer: _Operator,
    account: AddressedAccount,
) -> Response:
    """Stop the schedule of an account, or let it go on."""
    pausing = request.url.path.endswith("/pause")
    try:
        (book.pause if pausing else book.resume)(web.engine, account.account_id)
    except DashtrayError as refused:
        return _detail(request, web, viewer, account, refusal=str(refused), status=409)
    return _done(account.account_id, "paused" if pausing else "resumed")


@router.get("/{account_id}/disconnect", response_class=HTMLResponse)
def confirm_disconnect(
    request: Request,
    web: _Web,
    viewer: _Operator,
    account: AddressedAccount,
) -> Response:
    """What disconnecting does, before it is done."""
    return _page(request, web, "disconnect.html", viewer=viewer, account=account)


@router.post("/{account_id}/disconnect")
def disconnect(
    request: Request,
    web: _Web,
    viewer: _Operator,
    account: AddressedAccount,
) -> Response:
    """Give up the access at Stripe and delete the tokens."""
    try:
        done = book.disconnect(web.engine, web.settings, account.account_id)
    except DashtrayError as refused:
        return _detail(request, web, viewer, account, refusal=str(refused), status=502)
    if done.remark is None:
        return _done(account.account_id, "disconnected")
    return _detail(request, web, viewer, done.account, remark=done.remark)


def _detail(
    request: Request,
    web: Web,
    viewer: Viewer,
    account: Account,
    *,
    refusal: str | None = None,
    remark: str | None = None,
    status: int = 200,
) -> Response:
    [row] = account_rows(web.engine, [account])
    return _page(
        request,
        web,
        "integration.html",
        status=status,
        viewer=viewer,
        row=row,
        syncs=sync_history(web.engine, account.account_id),
        history_days=history_days_in_words(account),
        refusal=refusal,
        remark=remark,
    )


def _page(
    request: Request, web: Web, template: str, *, status: int = 200, **values: Any
) -> Response:
    context = {
        "tiers": tiers_in_words(),
        "history_choices": HISTORY_CHOICES,
        "standings": STANDINGS,
        "kinds": KINDS,
        "outcomes": OUTCOMES,
        "by_key": AuthKind.API_KEY_ENV,
        "said": SAID.get(request.query_params.get("said", "")),
        "dagster_url": web.dagster_url,
        **values,
    }
    return web.templates.TemplateResponse(request, template, context, status_code=status)


def _done(account_id: str, said: str) -> Response:
    return RedirectResponse(f"/integrations/{account_id}?said={said}", 303)


def _matches(account: Account, q: str) -> bool:
    words = f"{account.display_name or ''} {account.account_id} {account.tier}".lower()
    return all(word in words for word in q.lower().split())
