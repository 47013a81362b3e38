"""How a connection by OAuth ends: what Stripe's answer meant, and the page that says so.

Shared by the console and by `dashtray connect --oauth`, which serves these pages itself when the
service does not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from connections.accounts import Connected
from connections.errors import DashtrayError
from connections.oauth import (
    STATE_LIFETIME,
    Authorisation,
    AuthorisationError,
    finish_authorisation,
)
from connections.settings import Settings
from connections.vault import Vault
from console.web.paths import CALLBACK_PATH

COOKIE = "dashtray_connect"


@dataclass(frozen=True)
class Ending:
    """What became of one return from Stripe.

    Attributes:
        outcome: The connection, or why there is none.
        title: What happened, in a few words.
        text: The same in a sentence.
        next_step: What the person can do.
        foreign: Whether it may have nothing to do with the person who started.
    """

    outcome: Connected | DashtrayError
    title: str
    text: str
    next_step: str
    foreign: bool = False


def give_nonce(response: Response, authorisation: Authorisation, *, secure: bool) -> None:
    """Let the browser keep what it must bring back from Stripe."""
    response.set_cookie(
        COOKIE,
        authorisation.browser_nonce,
        path=CALLBACK_PATH,
        secure=secure,
        httponly=True,
        samesite="lax",
        max_age=int(STATE_LIFETIME.total_seconds()),
    )


def finish(
    engine: Engine,
    settings: Settings,
    vault: Vault,
    *,
    params: Mapping[str, str],
    browser_nonce: str | None,
) -> Ending:
    """Take a person back from Stripe.

    Args:
        engine: The `connections` database.
        settings: The deployment's settings.
        vault: Where the tokens are put.
        params: The callback's query.
        browser_nonce: From the browser's cookie.
    """
    try:
        connected = finish_authorisation(
            engine, settings, vault, params=params, browser_nonce=browser_nonce
        )
    except AuthorisationError as error:
        return Ending(error, error.title, str(error), error.next_step, error.foreign)
    except DashtrayError as error:
        return Ending(error, "Not connected", str(error), "")
    name = connected.account.display_name or connected.account.account_id
    return Ending(connected, "Connected", f"{name} is connected.", "You can close this page.")


def ending_page(
    templates: Jinja2Templates, request: Request, ending: Ending, *, back: str = ""
) -> Response:
    """The page of an ending.

    Args:
        templates: The pages' templates.
        request: The return from Stripe.
        ending: What became of it.
        back: Where the person can go on; "" = nowhere.
    """
    return templates.TemplateResponse(
        request,
        "door.html",
        {
            "title": ending.title,
            "text": ending.text,
            "next_step": ending.next_step,
            "back": back,
            "back_words": "Start again",
        },
        status_code=200 if isinstance(ending.outcome, Connected) else 400,
    )
