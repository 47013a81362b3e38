"""What is refused before any route sees it: other hosts' names, malformed and oversized requests.

Who sends a request is found out in `identity`, whether a page of ours made them send it in `csrf`.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.web.paths import HEALTH_PATH

MAX_BODY = 1024 * 1024
"""Bytes of a request's body; Stripe's largest events are far smaller."""


class Guard:
    """Refuses what no page of ours sends; reads a body whole, so that it can be looked at.

    Args:
        app: What answers.
        hosts: Names, with or without a port, that the `Host` header may carry.
        scheme: How the pages are reached, whatever the proxy speaks to us.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], scheme: str) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._scheme = scheme

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there is no WebSocket here
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        if not self._is_our_host(headers) and scope["path"] != HEALTH_PATH:
            await _refuse(400, "Another host.", scope, receive, send)
            return
        scope["scheme"] = self._scheme
        if _has_nul(scope):
            await _refuse(400, "Malformed.", scope, receive, send)
            return
        if scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        body = await _whole_body(headers, receive)
        if body is None:
            await _refuse(413, "Too large.", scope, receive, send)
            return
        # What the bytes are, their readers say; none of ours takes NUL, nor does Postgres.
        if b"\0" in body or b"%00" in body:
            await _refuse(400, "Malformed.", scope, receive, send)
            return
        scope.setdefault("state", {})["body"] = body
        await self._app(scope, _replay(body, receive), send)

    def _is_our_host(self, headers: Headers) -> bool:
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            return False
        host = hosts[0].lower()
        name, colon, port = host.rpartition(":")
        without_port = name if colon and port.isdigit() else host
        return host in self._hosts or without_port in self._hosts


def _has_nul(scope: Scope) -> bool:
    raw = bytes(scope.get("raw_path") or b"") + b"?" + bytes(scope["query_string"])
    return b"\0" in unquote_to_bytes(raw)


async def _whole_body(headers: Headers, receive: Receive) -> bytes | None:
    """The request's body; None if it is too large, which is told before it is read."""
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > MAX_BODY:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(status: int, words: str, scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(words, status)(scope, receive, send)
