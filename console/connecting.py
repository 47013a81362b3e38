"""Connecting by OAuth: the two pages between our link and Stripe's answer.

`/connect/stripe` gives the browser its cookie and sends it to Stripe; Stripe sends it back
to `/connect/stripe/callback`. The command line serves them just until one answer has come.
"""

from __future__ import annotations

import html
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from sqlalchemy.engine import Engine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from connections.accounts import Connected
from connections.errors import DashtrayError
from connections.oauth import (
    STATE_LIFETIME,
    Authorisation,
    AuthorisationError,
    begin_authorisation,
    finish_authorisation,
)
from connections.settings import Settings
from connections.vault import Vault
from console.service import check_port

START_PATH = "/connect/stripe"
CALLBACK_PATH = "/connect/stripe/callback"
COOKIE = "dashtray_connect"
HOST = "127.0.0.1"

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 17px/1.5 system-ui, sans-serif }}
main {{ max-width: 34rem; margin: 20vh auto; padding: 0 1rem }}
</style>
<main><h1>{title}</h1><p>{text}</p><p>{next_step}</p></main></html>"""

#: The pages hold no script and belong into no frame; the callback's address holds a code.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def connect_app(
    engine: Engine,
    settings: Settings,
    vault: Vault,
    *,
    authorisation: Authorisation,
    done: Callable[[Connected | DashtrayError], None],
) -> Starlette:
    """Make the web application that carries one person to Stripe and back.

    Args:
        engine: The `connections` database.
        settings: The deployment's settings.
        vault: Where the tokens are put.
        authorisation: Where to send the person, and the cookie they must bring back.
        done: Told the outcome of each callback but those that are not ours: a page that some
            other program or tab opens must not end the wait for the owner's.
    """

    def start(request: Request) -> Response:
        response = RedirectResponse(authorisation.url, status_code=303, headers=_HEADERS)
        response.set_cookie(
            COOKIE,
            authorisation.browser_nonce,
            path=CALLBACK_PATH,
            httponly=True,
            samesite="lax",
            max_age=int(STATE_LIFETIME.total_seconds()),
        )
        return response

    def callback(request: Request) -> Response:
        try:
            connected = finish_authorisation(
                engine,
                settings,
                vault,
                params=dict(request.query_params),
                browser_nonce=request.cookies.get(COOKIE),
            )
        except AuthorisationError as error:
            if not error.foreign:
                done(error)
            return _page(error.title, str(error), error.next_step, 400)
        except DashtrayError as error:
            done(error)
            return _page("Not connected", str(error), "", 400)
        done(connected)
        return _page(
            "Connected",
            f"{connected.account.display_name or connected.account.account_id} is connected.",
            "You can close this page.",
        )

    return Starlette(
        routes=[Route(START_PATH, start), Route(CALLBACK_PATH, callback)],
        # A page elsewhere whose name was made to point here must not be answered.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
    )


def wait_for_connection(
    engine: Engine,
    settings: Settings,
    vault: Vault,
    *,
    port: int,
    tier: str | None,
    expected_account: str | None = None,
    invite: Callable[[str], None],
    history_days: str | None = None,
) -> Connected:
    """Serve the two pages until one authorisation has ended.

    Args:
        engine: The `connections` database.
        settings: The deployment's settings.
        vault: Where the tokens are put.
        port: Port on the loopback interface; 0 takes a free one.
        tier: Tier of a new account.
        expected_account: On a reconnection, the only account that may come back.
        invite: Given the URL that a person must open, once the pages are there.
        history_days: Days of payment history of a new account; None means the default.

    Returns:
        The connected account.

    Raises:
        DashtrayError: A setting is missing, the person denied, or the exchange failed; the
            message says which.
    """
    if port:
        check_port(HOST, port)
    outcomes: queue.Queue[Connected | DashtrayError] = queue.Queue()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        base = f"http://{HOST}:{listener.getsockname()[1]}"
        authorisation = begin_authorisation(
            engine,
            settings,
            vault,
            redirect_uri=base + CALLBACK_PATH,
            tier=tier,
            history_days=history_days,
            expected_account=expected_account,
        )
        app = connect_app(engine, settings, vault, authorisation=authorisation, done=outcomes.put)
        with serving(app, listener):
            invite(base + START_PATH)
            outcome = outcomes.get()
    if isinstance(outcome, DashtrayError):
        raise outcome
    return outcome


@contextmanager
def serving(app: Starlette, listener: socket.socket) -> Iterator[None]:
    """Serve the application on a socket as long as the block lasts."""
    # The access log would show codes and states.
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield
    finally:
        # uvicorn answers what it has begun before it ends, so the person sees the last page.
        server.should_exit = True
        thread.join(timeout=10)


def _page(title: str, text: str, next_step: str, status: int = 200) -> HTMLResponse:
    escaped = {"title": title, "text": text, "next_step": next_step}
    content = _PAGE.format(**{name: html.escape(value) for name, value in escaped.items()})
    return HTMLResponse(content, status_code=status, headers=_HEADERS)
