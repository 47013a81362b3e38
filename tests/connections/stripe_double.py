"""A small HTTP server that speaks what `connections` asks of Stripe: account, tokens, deauthorise.

The full simulator is for end-to-end tests; this one answers in a millisecond, counts, and can be
told to fail, to hang at a gate, or to forget idempotency keys.
"""

import base64
import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from urllib.parse import parse_qs

PLATFORM_KEY = "sk_test_platform"


@dataclass
class StripeDouble:
    """The server's state; every attribute may be changed by a test while it runs."""

    account_id: str = "acct_A1"
    url: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    codes: dict[str, str] = field(default_factory=dict)  # code → account id
    refresh_tokens: dict[str, str] = field(default_factory=dict)  # live ones → account id
    api_keys: dict[str, str] = field(default_factory=dict)  # key or token → account id
    connected: set[str] = field(default_factory=set)
    answer_with: tuple[int, dict[str, object]] | None = None
    forbidden: set[str] = field(default_factory=set)  # the last words of paths
    api_answer: tuple[int, dict[str, object]] | None = None  # to GET only
    kept_errors: dict[str, int] = field(default_factory=dict)  # idempotency key → 500, replayed
    fail_next_exchange: bool = False
    exchanged: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)  # closed = answers wait
    lock: threading.Lock = field(default_factory=threading.Lock)
    replies: dict[str, dict[str, object]] = field(default_factory=dict)
    issued: int = 0

    def grant(self, account_id: str) -> dict[str, object]:
        """New tokens of an account."""
        self.issued += 1
        access, refresh = f"sk_test_at{self.issued}", f"rt_{self.issued}"
        self.api_keys[access] = account_id
        self.refresh_tokens[refresh] = account_id
        return {
            "access_token": access,
            "refresh_token": refresh,
            "stripe_user_id": account_id,
            "livemode": False,
            "scope": "stripe_apps",
            "token_type": "bearer",
        }

    def token(self, form: dict[str, str], idempotency_key: str | None) -> tuple[int, object]:
        """One token exchange, as Stripe does it: codes once, refresh tokens replaced."""
        with self.lock:
            self.counts["exchanges"] += 1
            if idempotency_key in self.kept_errors:
                self.counts["replayed errors"] += 1
                return 500, {}
            if self.fail_next_exchange:
                self.fail_next_exchange = False
                self.kept_errors[idempotency_key or ""] = 500
                return 500, {}
            if idempotency_key in self.replies:
                return 200, self.replies[idempotency_key or ""]
            if form.get("grant_type") == "authorization_code":
                account_id = self.codes.pop(form.get("code", ""), None)
            else:
                account_id = self.refresh_tokens.pop(form.get("refresh_token", ""), None)
            if account_id is None:
                return 400, {"error": "invalid_grant", "error_description": "expired or used"}
            reply = self.grant(account_id)
            self.counts["grants"] += 1
            if idempotency_key:
                self.replies[idempotency_key] = reply
        self.exchanged.set()
        return 200, reply


class _Handler(BaseHTTPRequestHandler):
    double: StripeDouble
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        key = self.headers["Authorization"].removeprefix("Bearer ")
        account_id = self.double.api_keys.get(key)
        if key == PLATFORM_KEY:
            account_id = self.headers["Stripe-Account"]
        if answer := self.double.answer_with or self.double.api_answer:
            self._answer(*answer)
        elif account_id is None:
            self._answer(401, {"error": {"message": f"Invalid API Key provided: {key}"}})
        elif self.path.split("?")[0].rsplit("/", 1)[-1] in self.double.forbidden:
            self._answer(403, {"error": {"code": "missing_permission", "message": "no"}})
        else:
            self._answer(
                200,
                {
                    "id": account_id,
                    "object": "account",
                    "default_currency": "eur",
                    "settings": {
                        "dashboard": {"display_name": "Shop", "timezone": "Europe/Berlin"}
                    },
                },
            )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        double = self.double
        if not self._from_platform():
            self._answer(401, {"error": "invalid_client", "error_description": "wrong key"})
        elif double.answer_with:
            self._answer(*double.answer_with)
        elif self.path == "/oauth/deauthorize":
            double.counts["deauthorised"] += 1
            double.connected.discard(form["stripe_user_id"])
            self._answer(200, {"stripe_user_id": form["stripe_user_id"]})
        else:
            replayed = self.headers["Idempotency-Key"] in double.kept_errors
            answer = double.token(form, self.headers["Idempotency-Key"])
            double.gate.wait(30)
            self._answer(*answer, {"Idempotent-Replayed": "true"} if replayed else {})

    def _from_platform(self) -> bool:
        kind, _, value = self.headers["Authorization"].partition(" ")
        if kind == "Basic":
            value = base64.b64decode(value).decode().removesuffix(":")
        return value == PLATFORM_KEY

    def _answer(
        self, status: int, body: object, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    # A killed client's broken pipe is part of the tests.
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


def serve_double() -> tuple[StripeDouble, ThreadingHTTPServer]:
    """Start the server on a free loopback port."""
    double = StripeDouble()
    double.gate.set()
    handler = type("Handler", (_Handler,), {"double": double})
    server = _Server(("127.0.0.1", 0), handler)
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return double, server
