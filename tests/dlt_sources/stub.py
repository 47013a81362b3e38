"""A Stripe of a few hand-made objects, for cases that a simulated business seldom has."""

import http.server
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from dlt_sources.stripe import AccountTask, Cursor
from dlt_sources.stripe.streams import STREAMS, Kind

NESTED_CUT = 10
ACCOUNT = "acct_stub"


@dataclass
class Stub:
    """Objects by path (`/v1/charges`), the nested lists of each parent, and a clock.

    Objects in `unlisted` answer by id and are in no list. Whatever `before` does happens before
    a request is answered; `date` is the `Date` of the answer.
    """

    now: int = 1_795_000_000
    url: str = ""
    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unlisted: dict[str, dict[str, Any]] = field(default_factory=dict)
    nested: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    versions: list[str | None] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: str, obj: dict[str, Any], *, listed: bool = True) -> dict[str, Any]:
        if listed:
            self.objects.setdefault(path, []).append(obj)
        else:
            self.unlisted[obj["id"]] = obj
        return obj

    def happen(self, kind: str, obj: dict[str, Any], created: int | None = None) -> str:
        """Put an event about `obj` into the feed; returns its id."""
        event_id = f"evt_{next(self.numbers)}"
        self.events.append(
            {
                "id": event_id,
                "object": "event",
                "type": kind,
                "created": self.now if created is None else created,
                "data": {"object": dict(obj)},
            }
        )
        return event_id

    def paths(self) -> list[str]:
        """Paths asked for since the last call, in order."""
        with self.lock:
            found = [path for path, _ in self.requests]
            self.requests.clear()
        return found

    def task(self, cursor: Cursor | None = None) -> AccountTask:
        return AccountTask(
            ACCOUNT, lambda: {"Authorization": "Bearer rk_live_stub"}, self.url, cursor
        )

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.requests.append((path, query))
        if (act := self.before.pop(path, None)) is not None:
            act()
        if path == "/v1/account":
            return 200, {"id": ACCOUNT, "object": "account", "default_currency": "usd"}
        if path == "/v1/events":
            return 200, page(self.events, query)
        if path in {stream.path for stream in STREAMS if stream.kind is not Kind.SINGLE}:
            variant = query.get("active", [None])[0]
            found = [
                obj
                for obj in self.objects.get(path, [])
                if variant is None or obj["active"] == (variant == "true")
            ]
            return 200, page([self.show(obj) for obj in found], query)
        for name in ("subscription", "invoice"):
            if name in query:
                return 200, page(self.nested[query[name][0]], query)
        _, _, collection, object_id, *rest = path.split("/")
        if rest:
            return 200, page(self.nested[object_id], query)
        for obj in [*self.objects.get(f"/v1/{collection}", []), *self.unlisted.values()]:
            if obj["id"] == object_id:
                return 200, self.show(obj)
        return 404, {"error": {"code": "resource_missing", "message": f"No such {collection}"}}

    def show(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Return the object with its nested list cut as Stripe cuts it."""
        members = self.nested.get(obj["id"])
        if members is None:
            return obj
        cut = {
            "object": "list",
            "data": members[:NESTED_CUT],
            "has_more": len(members) > NESTED_CUT,
        }
        return {**obj, ("items" if obj["object"] == "subscription" else "lines"): cut}


def page(objects: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
    """Return one list page, newest first; nested lists keep their order."""
    found = sorted(objects, key=lambda obj: -obj.get("created", 0))
    if "starting_after" in query:
        ids = [obj["id"] for obj in found]
        found = found[ids.index(query["starting_after"][0]) + 1 :]
    for obj in list(found):
        low = int(query.get("created[gte]", ["0"])[0])
        high = int(query.get("created[lt]", ["99999999999"])[0])
        types = query.get("types[]")
        if not low <= obj.get("created", low) < high or (types and obj["type"] not in types):
            found.remove(obj)
    limit = int(query.get("limit", ["10"])[0])
    return {"object": "list", "data": found[:limit], "has_more": len(found) > limit}


@contextmanager
def running_stub() -> Iterator[Stub]:
    stub = Stub()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query: dict[str, list[str]] = {}
            for name, value in parse_qsl(parts.query):
                query.setdefault(name, []).append(value)
            stub.versions.append(self.headers["Stripe-Version"])
            status, data = stub.answer(parts.path, query)
            body = orjson.dumps(data)
            self.send_response_only(status)
            self.send_header("Date", formatdate(stub.now, usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
