"""Connecting by OAuth from the command line: two pages, served until one answer has come.

`/connect/stripe` gives the browser its cookie and sends it to Stripe; Stripe sends it back to
`/connect/stripe/callback`. What an answer means and how it is shown is in `endings`, which the
console's own pages share.
"""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from sqlalchemy.engine import Engine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from connections.accounts import Connected
from connections.errors import DashtrayError
from connections.oauth import Authorisation, begin_authorisation
from connections.settings import Settings
from connections.vault import Vault
from console.service import check_port
from console.web.assets import make_templates
from console.web.context import HERE, home_mark
from console.web.endings import COOKIE, ending_page, finish, give_nonce
from console.web.paths import CALLBACK_PATH, CONNECT_PATH, HEALTH_PATH
from console.web.server import server_config

HOST = "127.0.0.1"

#: The pages hold no script and belong into no frame; the callback's address holds a code.
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
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
    templates = make_templates()

    def start(request: Request) -> Response:
        response = RedirectResponse(authorisation.url, status_code=303, headers=_HEADERS)
        give_nonce(response, authorisation, secure=False)
        return response

    def callback(request: Request) -> Response:
        ending = finish(
            engine,
            settings,
            vault,
            params=dict(request.query_params),
            browser_nonce=request.cookies.get(COOKIE),
        )
        if not ending.foreign:
            done(ending.outcome)
        page = ending_page(templates, request, ending)
        page.headers.update(_HEADERS)
        return page

    return Starlette(
        routes=[
            Route(CONNECT_PATH, start),
            Route(CALLBACK_PATH, callback),
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
        ],
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
            invite(base + CONNECT_PATH)
            outcome = outcomes.get()
    if isinstance(outcome, DashtrayError):
        raise outcome
    return outcome


@contextmanager
def serving(app: Starlette, listener: socket.socket, proxies: Sequence[str] = ()) -> Iterator[None]:
    """Serve the application on a socket as long as the block lasts; as the console is served."""
    server = uvicorn.Server(server_config(app, proxies))
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


def running_console(settings: Settings, port: int) -> bool:
    """Whether this home's own service shows its pages on the port."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}{HEALTH_PATH}", timeout=3) as answer:
            said = json.loads(answer.read(1000))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("home") == home_mark(settings)
