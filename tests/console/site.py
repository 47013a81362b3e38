"""The console served for tests, and browsers in front of it: real HTTP, real Postgres."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy.engine import Engine

from connections.secret import Secret
from connections.settings import Settings
from connections.vault import open_vault
from connections.web_settings import WebSettings
from console.connecting import serving
from console.web.app import create_app

TOKEN = "operators-own-token-of-the-deployment-0123456789"
PAGE = {"accept": "text/html"}
_FIELD = re.compile(r'name="csrf_token" value="([0-9a-f]{64})"')


class Browser(httpx.Client):
    """A browser: keeps cookies, asks for pages, follows nothing by itself."""

    def __init__(self, base_url: str, **options: Any) -> None:
        super().__init__(base_url=base_url, timeout=30, headers=PAGE, **options)

    def form_token(self, page: str = "/login") -> str:
        """The token that a page's form holds."""
        found = _FIELD.search(self.get(page).text)
        assert found, f"{page} has no form"
        return found.group(1)

    def fill_in(self, path: str, page: str = "/login", **fields: str) -> httpx.Response:
        """Fill in a page's form and send it, as a browser would."""
        origin = str(self.base_url).rstrip("/")
        return self.post(
            path,
            data={"csrf_token": self.form_token(page), **fields},
            headers={"origin": origin, "sec-fetch-site": "same-origin"},
        )

    def log_in(self, token: str, next: str = "/") -> httpx.Response:
        """Log in by a token."""
        return self.fill_in("/login", token=token, next=next)


class Site:
    """The console, served."""

    def __init__(self, app: FastAPI, base_url: str, open_things: ExitStack) -> None:
        self.app, self.base_url, self._open_things = app, base_url, open_things

    def browser(self, token: str | None = None) -> Browser:
        """A browser of its own; with a token it is logged in."""
        browser = self._open_things.enter_context(Browser(self.base_url))
        if token is not None:
            assert browser.log_in(token).status_code == 303
        return browser


@contextmanager
def site(
    engine: Engine,
    settings: Settings,
    web_settings: WebSettings | None = None,
    *,
    dagster_url: str | None = "http://127.0.0.1:3000",
) -> Iterator[Site]:
    """Serve the console for the time of a block; it knows its address."""
    with ExitStack() as open_things:
        listener = open_things.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(
            settings,
            engine,
            open_vault(settings, engine),
            dagster_url=dagster_url,
            web_settings=web_settings,
        )
        proxies = web_settings.proxies if web_settings else ()
        open_things.enter_context(serving(app, listener, proxies))
        yield Site(app, base, open_things)


def with_login(web_settings: WebSettings | None = None) -> WebSettings:
    """Settings that demand a login, by the deployment's token."""
    return replace(web_settings or WebSettings(), token=Secret(TOKEN))
