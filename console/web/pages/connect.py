"""Connecting an account by OAuth: the form, the way to Stripe, and the way back."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from connections.accounts import Connected, get_account
from connections.errors import DashtrayError, UnknownAccountError
from connections.models import DEFAULT_HISTORY_DAYS
from connections.oauth import begin_authorisation
from connections.settings import Settings
from console.web.choices import HISTORY_CHOICES, tiers_in_words
from console.web.context import Web, web_of
from console.web.endings import COOKIE, ending_page, finish, give_nonce
from console.web.headers import content_policy
from console.web.identity import client_of
from console.web.paths import CALLBACK_PATH, CONNECT_PATH
from console.web.viewer import Viewer, current_operator

router = APIRouter()

SUGGESTED_TIER = "pro"
"""Chosen beforehand on the form: who connects an account wants it to be kept fresh."""

Operator = Annotated[Viewer, Depends(current_operator)]


@router.get(CONNECT_PATH, response_class=HTMLResponse)
def form(
    request: Request,
    web: Annotated[Web, Depends(web_of)],
    viewer: Operator,
    account: str = "",
    tier: str = "",
    history_days: str = "",
) -> Response:
    """Ask for what must be known before: the tier, and how much history."""
    return _form(request, web, viewer, account=account, tier=tier, history_days=history_days)


@router.post(CONNECT_PATH)
def start(
    request: Request,
    web: Annotated[Web, Depends(web_of)],
    viewer: Operator,
    account: Annotated[str, Form()] = "",
    tier: Annotated[str, Form()] = "",
    history_days: Annotated[str, Form()] = "",
) -> Response:
    """Send the operator to Stripe."""
    account, tier, history_days = account.strip(), tier.strip(), history_days.strip()
    try:
        authorisation = begin_authorisation(
            web.engine,
            web.settings,
            web.vault,
            redirect_uri=web.address_of(request, CALLBACK_PATH),
            tier=tier or None,
            history_days=history_days or None,
            expected_account=account or None,
        )
    except DashtrayError as error:
        return _form(
            request,
            web,
            viewer,
            account=account,
            tier=tier,
            history_days=history_days,
            mistake=str(error),
        )
    response = RedirectResponse(authorisation.url, 303)
    give_nonce(response, authorisation, secure=web.web_settings.secure)
    return response


@router.get(CALLBACK_PATH)
def callback(request: Request, web: Annotated[Web, Depends(web_of)], viewer: Operator) -> Response:
    """Take the operator back from Stripe."""
    if not web.limiter.allows("callback", client_of(request.scope)):
        raise HTTPException(429)
    ending = finish(
        web.engine,
        web.settings,
        web.vault,
        params=dict(request.query_params),
        browser_nonce=request.cookies.get(COOKIE),
    )
    if isinstance(ending.outcome, Connected):
        account_id = quote(ending.outcome.account.account_id, safe="")
        # What is imported for the first time is watched; one that came back is looked at.
        page = "/progress" if ending.outcome.first_import_requested else ""
        response: Response = RedirectResponse(f"/integrations/{account_id}{page}", 303)
    else:
        response = ending_page(web.templates, request, ending, back=CONNECT_PATH)
    # The address holds a code: it goes nowhere.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _form(
    request: Request,
    web: Web,
    viewer: Viewer,
    *,
    account: str,
    tier: str,
    history_days: str,
    mistake: str = "",
) -> HTMLResponse:
    known = None
    if account:
        try:
            known = get_account(web.engine, account)
        except UnknownAccountError:
            raise HTTPException(404) from None
    response = web.templates.TemplateResponse(
        request,
        "connect.html",
        {
            "viewer": viewer,
            "account": known,
            "tiers": tiers_in_words(),
            "tier": tier or SUGGESTED_TIER,
            "history_choices": HISTORY_CHOICES,
            "history_days": history_days or str(DEFAULT_HISTORY_DAYS),
            "mistake": mistake,
            "ready": web.settings.stripe_client_id and web.settings.stripe_secret_key,
            "callback": web.address_of(request, CALLBACK_PATH),
        },
        status_code=400 if mistake else 200,
    )
    response.headers["Content-Security-Policy"] = content_policy(
        form_action=("'self'", *_stripe_pages(web.settings))
    )
    return response


def _stripe_pages(settings: Settings) -> list[str]:
    """Where the form leads in the end: Stripe's pages, which lead on to its login."""
    origins = []
    for base in (settings.stripe_connect_base, settings.stripe_marketplace_base):
        parts = urlsplit(base)
        origins.append(f"{parts.scheme}://{parts.netloc}")
    return [*origins, "https://*.stripe.com"]
