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
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from connections.accounts import Connected
from connections.errors import DashtrayError
from connections.oauth import Authorisation, begin_authorisation, finish_authorisation
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
<main><h1>{title}</h1><p>{text}</p></main></html>"""


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
        done: Told the outcome of each callback.
    """

    def start(request: Request) -> Response:
        response = RedirectResponse(authorisation.url, status_code=303)
        response.set_cookie(
            COOKIE, authorisation.browser_nonce, httponly=True, samesite="lax", max_age=3600
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
        except DashtrayError as error:
            done(error)
            next_step = getattr(error, "next_step", "")
            return _page("Not connected", f"{error} {next_step}".strip(), 400)
        done(connected)
        return _page(
            "Connected",
            f"{connected.account.display_name or connected.account.account_id} is connected. "
            "You can close this page.",
        )

    return Starlette(routes=[Route(START_PATH, start), Route(CALLBACK_PATH, callback)])


def wait_for_connection(
    engine: Engine,
    settings: Settings,
    vault: Vault,
    *,
    port: int,
    tier: str | None,
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
        )
        app = connect_app(engine, settings, vault, authorisation=authorisation, done=outcomes.put)
        with _serving(app, listener):
            invite(base + START_PATH)
            outcome = outcomes.get()
    if isinstance(outcome, DashtrayError):
        raise outcome
    return outcome


@contextmanager
def _serving(app: Starlette, listener: socket.socket) -> Iterator[None]:
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


def _page(title: str, text: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        _PAGE.format(title=html.escape(title), text=html.escape(text)), status_code=status
    )
