"""A small HTTP/1.1 server on asyncio: requests in, responses out, misbehaviour on request.

What belongs here: parsing, keep-alive, writing, and the ways in which a connection can go wrong
(stall, cut, truncation). Nothing here knows Stripe. It is not a general server: bodies are read
whole, answers are sent whole, and it listens on loopback only. A framework would cost more time
for each page than serving the page does, and could not cut a body in half when a test wants it.
"""

import asyncio
import ipaddress
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools

MAX_BODY_BYTES = 1_000_000
MAX_HEADER_BYTES = 64_000
MAX_URL_BYTES = 32_000


@dataclass(slots=True)
class Request:
    """One parsed request; header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Response:
    """One answer, and how to spoil it on its way out."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    # Seconds to wait before the first byte.
    delay: float = 0.0
    # How much of the body to send before the connection is cut; None sends all of it.
    cut_after: int | None = None


Handler = Callable[[Request], Response]


class HttpProtocol(asyncio.Protocol):
    """One client connection: requests are answered one after the other, in order."""

    def __init__(self, handler: Handler, connections: set["HttpProtocol"]) -> None:
        self._handler = handler
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._queue: deque[tuple[Request, bool]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._url = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._drained = asyncio.Event()
        self._drained.set()

    def connection_made(self, transport: Any) -> None:
        """Remember the transport; called by asyncio."""
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop working for a client that has gone; called by asyncio."""
        self._connections.discard(self)
        self._drained.set()
        self._queue.clear()
        if self._worker is not None:
            self._worker.cancel()

    def pause_writing(self) -> None:
        """The client reads slowly: hold back; called by asyncio."""
        self._drained.clear()

    def resume_writing(self) -> None:
        """The client caught up; called by asyncio."""
        self._drained.set()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a broken request ends the connection with a 400."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._write(Response(400, b"Bad Request", content_type="text/plain"), keep_alive=False)

    def on_message_begin(self) -> None:
        """A new request starts; called by the parser."""
        self._url = b""
        self._headers = {}
        self._header_bytes = 0
        self._body = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request target; called by the parser."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; called by the parser."""
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise httptools.HttpParserError("headers too large")
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """A piece of the body; called by the parser."""
        self._body_bytes += len(body)
        if self._body_bytes > MAX_BODY_BYTES:
            raise httptools.HttpParserError("body too large")
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is whole: answer it, at once if nothing is waiting before it."""
        if len(self._url) > MAX_URL_BYTES:
            answer = Response(414, b"URI Too Long", content_type="text/plain")
            self._write(answer, keep_alive=False)
            return
        url = httptools.parse_url(self._url)
        request = Request(
            method=self._parser.get_method().decode("ascii"),
            path=unquote((url.path or b"/").decode("latin-1")),
            query=(url.query or b"").decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
        )
        keep_alive = self._parser.should_keep_alive()
        if self._worker is None or self._worker.done():
            response = self._handler(request)
            if not response.delay and self._drained.is_set():
                self._write(response, keep_alive)
                return
            self._worker = asyncio.ensure_future(self._work(response, keep_alive))
        else:
            self._queue.append((request, keep_alive))

    async def _work(self, response: Response, keep_alive: bool) -> None:
        """Send the given answer when it is due, then whatever was pipelined behind it."""
        while True:
            if response.delay:
                await asyncio.sleep(response.delay)
            await self._drained.wait()
            self._write(response, keep_alive)
            if not self._queue or self._transport.is_closing():
                return
            request, keep_alive = self._queue.popleft()
            response = self._handler(request)

    def _write(self, response: Response, keep_alive: bool) -> None:
        """Send head and body; cut the connection where the response asks for it."""
        if self._transport is None or self._transport.is_closing():
            return
        reason = HTTPStatus(response.status).phrase if response.status in STATUSES else "Unknown"
        lines = [
            f"HTTP/1.1 {response.status} {reason}",
            f"Content-Type: {response.content_type}",
            f"Content-Length: {len(response.body)}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
        ]
        if not keep_alive:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if response.cut_after is None:
            self._transport.writelines((head, response.body))
            if not keep_alive:
                self._transport.close()
        elif response.cut_after == 0:
            self._transport.abort()
        else:
            self._transport.writelines((head, response.body[: response.cut_after]))
            self._transport.close()

    def close(self) -> None:
        """End the connection, whatever it was doing."""
        if self._transport is not None:
            self._transport.abort()


STATUSES = frozenset(int(status) for status in HTTPStatus)


def loopback_socket(host: str, port: int) -> socket.socket:
    """A listening socket on a loopback address.

    Raises:
        ValueError: If the address is not loopback: the simulator has no security to speak of.
    """
    address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    if not address.is_loopback:
        raise ValueError(
            f"{host} is not a loopback address: the simulator listens on 127.0.0.1 or ::1 only"
        )
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((str(address), port))
    listener.listen(512)
    listener.setblocking(False)
    return listener


async def serve(handler: Handler, listener: socket.socket, stop: asyncio.Event) -> None:
    """Answer requests until `stop` is set, then drop every connection."""
    connections: set[HttpProtocol] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: HttpProtocol(handler, connections), sock=listener)
    try:
        await stop.wait()
    finally:
        server.close()
        for connection in list(connections):
            connection.close()
        await server.wait_closed()
