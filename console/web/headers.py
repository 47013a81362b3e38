"""The headers of every answer: what a browser may do with it.

A page that needs another policy (dbt's docs, a widget for other sites' frames) sets its own header,
which is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.web.assets import caching
from console.web.paths import is_asset


def content_policy(
    *, frame_ancestors: Sequence[str] = (), form_action: Sequence[str] = ("'self'",)
) -> str:
    """The Content-Security-Policy of our pages.

    Args:
        frame_ancestors: Whose frames may hold the page; nobody's when there are none.
        form_action: Where forms may lead; browsers follow a redirection after a form only there.
    """
    none = "'none'"
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self'",
            # plotly writes style attributes.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            f"form-action {' '.join(form_action)}",
            f"frame-ancestors {' '.join(frame_ancestors) or none}",
        )
    )


HEADERS = {
    "Content-Security-Policy": content_policy(),
    "X-Content-Type-Options": "nosniff",
    # Addresses hold accounts' ids, and the callback's a code.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class SecurityHeaders:
    """Adds what the answer has not set itself.

    Args:
        app: What answers.
        secure: Whether the pages are reached by https only.
    """

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self._app = app
        self._headers = dict(HEADERS)
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                # Others' numbers must not be in a cache.
                kept = caching(scope) if is_asset(scope) else "no-store"
                if message["status"] >= 400:
                    kept = "no-store"
                headers.setdefault("Cache-Control", kept)
            await send(message)

        await self._app(scope, receive, send_with_headers)
