"""That a page of ours, and no other site, made the browser send what changes something.

Each unsafe request carries a token that only our pages of this browser hold, in the field
`csrf_token` of a form or in the header `X-CSRF-Token`; and its `Origin`, which browsers set, is
ours.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl

from fastapi import Request
from markupsafe import Markup
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from connections.vault import Vault
from console.web.identity import Browser
from console.web.paths import UNGUARDED

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PURPOSE = "csrf tokens"


def csrf_token(request: Request) -> str:
    """The token of this browser, for a page's `<meta name="csrf-token">`."""
    vault: Vault = request.app.state.web.vault
    # Tells `identity` to let the browser keep what the token is tied to.
    request.state.tie_used = True
    return _token(vault.derive(_PURPOSE)[0], request.state.browser)


def csrf_input(request: Request) -> Markup:
    """The hidden field that each form with `method="post"` holds."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token(request))


class CsrfGuard:
    """Refuses unsafe requests that no page of ours made.

    Args:
        app: What answers.
        vault: Signs the tokens.
    """

    def __init__(self, app: ASGIApp, vault: Vault) -> None:
        self._app = app
        self._vault = vault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http" or scope["method"] in SAFE or scope["path"] in UNGUARDED:
            await self._app(scope, receive, send)
            return
        browser = scope.get("state", {}).get("browser")
        if browser is None or not (browser.by_token or self._is_ours(scope, browser)):
            words = "This form is out of date. Load the page again, and send it once more."
            await PlainTextResponse(words, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_ours(self, scope: Scope, browser: Browser) -> bool:
        headers = Headers(scope=scope)
        origin = f"{scope['scheme']}://{headers.get('host', '')}".lower()
        if headers.get("origin", origin).lower() != origin:
            return False
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return False
        given = headers.get(HEADER) or _field(headers, scope["state"]["body"])
        return any(
            hmac.compare_digest(_token(key, browser).encode(), given.encode(errors="replace"))
            for key in self._vault.derive(_PURPOSE)
        )


def _token(key: bytes, browser: Browser) -> str:
    return hmac.new(key, browser.tie.encode(errors="replace"), "sha256").hexdigest()


def _field(headers: Headers, body: bytes) -> str:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return ""
    try:
        fields = parse_qsl(body.decode("latin-1"), max_num_fields=200)
    except ValueError:
        return ""
    return next((value for name, value in fields if name == FIELD), "")
