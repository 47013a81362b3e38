"""A proxy before the simulator that misbehaves as Stripe and networks do."""

import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dlt_sources.stripe.streams import STRIPE_VERSION

Fault = tuple[int, dict[str, str], bytes] | str
"""An answer in place of the real one, or `cut`, `garbage`, `hang up`."""


@dataclass
class FaultyStripe:
    """`fault(path, n)` decides what is wrong with the n-th request (from 0) to `path`."""

    upstream: str
    fault: Callable[[str, int], Fault | None]
    url: str = ""
    seen: dict[str, int] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def faulty_stripe(
    upstream: str, fault: Callable[[str, int], Fault | None]
) -> Iterator[FaultyStripe]:
    faulty = FaultyStripe(upstream, fault)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            with faulty.lock:
                n = faulty.seen.get(path, 0)
                faulty.seen[path] = n + 1
                faulty.queries.append(self.path)
            fault = faulty.fault(path, n)
            if fault == "hang up":
                self.close_connection = True
                return
            if isinstance(fault, tuple):
                self.answer(*fault)
                return
            status, headers, body = self.forward()
            if fault == "garbage":
                body = body[: len(body) // 2]
            self.answer(status, headers, body, cut=fault == "cut")

        def forward(self) -> tuple[int, dict[str, str], bytes]:
            assert self.headers["Stripe-Version"] == STRIPE_VERSION
            request = urllib.request.Request(
                faulty.upstream + self.path,
                headers={name: self.headers[name] for name in ("Authorization", "Stripe-Version")},
            )
            try:
                with urllib.request.urlopen(request) as reply:
                    return reply.status, {"Date": reply.headers["Date"]}, reply.read()
            except urllib.error.HTTPError as error:
                return error.code, {"Date": error.headers["Date"]}, error.read()

        def answer(
            self, status: int, headers: dict[str, str], body: bytes, *, cut: bool = False
        ) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = cut

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    faulty.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield faulty
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
