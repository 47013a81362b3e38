"""Who sends a request: the cookies of a browser, and the viewer that they stand for.

A browser has one of two cookies: a session's, if somebody is logged in, or a random one that only
ties forms to this browser (`csrf`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from urllib.parse import quote

from fastapi import Request, Response
from sqlalchemy.engine import Engine
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connections.secret import Secret
from connections.web_sessions import find_session
from connections.web_settings import WebSettings
from connections.web_users import User, user_of_token
from console.web.paths import LOGIN_PATH, is_asset, is_public
from console.web.viewer import OPERATOR, Viewer

_API = "/api/"
_MAX_COOKIE = 200


@dataclass
class Browser:
    """What is known of the browser that sent a request.

    Attributes:
        session_id: Of its session, if it has a good one.
        tie: What forms are tied to: the session's id, or a random one.
        tie_is_new: Whether the answer must set that one.
        by_token: Whether the request brought a token instead of a cookie: then no other site can
            have made the browser send it.
    """

    session_id: str | None = None
    tie: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    tie_is_new: bool = True
    by_token: bool = False


def browser_of(request: Request) -> Browser:
    """The browser that sent the request."""
    browser: Browser = request.state.browser
    return browser


def session_cookie(secure: bool) -> str:
    """The session cookie's name; the prefix makes browsers insist on https and this host."""
    return "__Host-dashtray_session" if secure else "dashtray_session"


def tie_cookie(secure: bool) -> str:
    """Likewise of the cookie that ties forms to a browser that is not logged in."""
    return "__Host-dashtray_browser" if secure else "dashtray_browser"


def set_session(response: Response, session_id: str, *, secure: bool) -> None:
    """Give a browser the cookie of its session. When it is over the server decides."""
    response.set_cookie(
        session_cookie(secure), session_id, path="/", secure=secure, httponly=True, samesite="lax"
    )


def drop_session(response: Response, *, secure: bool) -> None:
    """Take the cookie away."""
    response.delete_cookie(
        session_cookie(secure), path="/", secure=secure, httponly=True, samesite="lax"
    )


def viewer_of(user: User | None) -> Viewer:
    """A user as a viewer; None = the operator with the deployment's own token."""
    return OPERATOR if user is None else Viewer(user.name, user.accounts, user.user_id)


def viewer_of_token(engine: Engine, settings: WebSettings, token: Secret) -> Viewer | None:
    """Whom a login token belongs to: the operator's own, or a user's; None = nobody."""
    if settings.token is not None and token == settings.token:
        return OPERATOR
    user = user_of_token(engine, token)
    return None if user is None else viewer_of(user)


class Identity:
    """Finds the viewer of each request, and lets nobody without one past the public pages.

    Args:
        app: What answers.
        engine: The `connections` database.
        settings: How people log in.
    """

    def __init__(self, app: ASGIApp, engine: Engine, settings: WebSettings) -> None:
        self._app = app
        self._engine = engine
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or ask for a login."""
        if scope["type"] != "http" or is_asset(scope):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        browser = Browser()
        cookies = cookie_parser(headers.get("cookie", ""))
        tie = cookies.get(tie_cookie(self._settings.secure), "")
        if 0 < len(tie) <= _MAX_COOKIE:
            browser.tie, browser.tie_is_new = tie, False
        state = scope.setdefault("state", {})
        state["browser"] = browser
        state["viewer"] = viewer = await self._viewer(scope, headers, cookies, browser)
        if viewer is None and not is_public(scope):
            await self._ask_for_login(scope, headers)(scope, receive, send)
            return

        async def send_with_tie(message: Message) -> None:
            if message["type"] == "http.response.start" and state.get("tie_used"):
                self._set_tie(message, browser)
            await send(message)

        await self._app(scope, receive, send_with_tie)

    async def _viewer(
        self, scope: Scope, headers: Headers, cookies: dict[str, str], browser: Browser
    ) -> Viewer | None:
        if not self._settings.login_demanded:
            return OPERATOR
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and scope["path"].startswith(_API):
            browser.by_token = True
            return await run_in_threadpool(
                viewer_of_token, self._engine, self._settings, Secret(token.strip())
            )
        session_id = cookies.get(session_cookie(self._settings.secure), "")
        if not 0 < len(session_id) <= _MAX_COOKIE:
            return None
        found = await run_in_threadpool(
            find_session, self._engine, session_id, deployment_token=self._settings.token
        )
        if found is None:
            return None
        browser.session_id = browser.tie = session_id
        browser.tie_is_new = False
        return viewer_of(found.user)

    def _ask_for_login(self, scope: Scope, headers: Headers) -> Response:
        wants_page = "text/html" in headers.get("accept", "")
        if scope["method"] not in {"GET", "HEAD"} or not wants_page:
            return PlainTextResponse("Log in first.", 401)
        query = bytes(scope["query_string"]).decode("latin-1")
        here = quote(scope["path"]) + (f"?{query}" if query else "")
        return RedirectResponse(f"{LOGIN_PATH}?next={quote(here, safe='')}", 303)

    def _set_tie(self, message: Message, browser: Browser) -> None:
        if not browser.tie_is_new:
            return
        response = Response()
        secure = self._settings.secure
        response.set_cookie(
            tie_cookie(secure), browser.tie, path="/", secure=secure, httponly=True, samesite="lax"
        )
        MutableHeaders(scope=message).append("set-cookie", response.headers["set-cookie"])


def client_of(scope: Scope) -> str:
    """The address of whoever sent the request; a proxy's headers are believed if it is ours."""
    client = scope.get("client")
    return str(client[0]) if client else ""
