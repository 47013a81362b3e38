"""An OpenID provider for tests: discovery, the code flow with PKCE, signed tokens.

It can be told to lie in each way that a console must notice.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "console", "secret-of-the-client-0123456789abcdef"


@dataclass
class Provider:
    """What it says about the person, and what it was asked.

    Attributes:
        url: Its issuer.
        person: Claims about who logs in.
        lies: Claims that are put into the token instead of the true ones; None leaves one out.
        algorithm: Of the signature; "none" leaves it out.
        key: Signs the tokens; `published` is what it shows.
        broken: Whether the token endpoint answers with an error.
        grants: Codes that wait for their exchange.
        exchanges: How many there were.
    """

    url: str = ""
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "s-1"})
    lies: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    signing: RSAKey | None = None
    broken: bool = False
    grants: dict[str, dict[str, str]] = field(default_factory=dict)
    exchanges: int = 0

    def approve(self, url: str) -> str:
        """What a browser that logs in at the provider is sent back to."""
        query = dict(parse_qsl(urlsplit(url).query))
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert {"openid", "email"} <= set(query["scope"].split())
        code = secrets.token_urlsafe()
        self.grants[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def exchange(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """The tokens for a code; None = refused."""
        self.exchanges += 1
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        grant = self.grants.pop(form.get("code", ""), None)
        if self.broken or grant is None or authorization != f"Basic {expected}":
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if challenge != grant["code_challenge"] or form["redirect_uri"] != grant["redirect_uri"]:
            return None
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": grant["nonce"],
            **self.person,
            **self.lies,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return {
            "access_token": "opaque",
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self._signed(claims),
        }

    def _signed(self, claims: dict[str, Any]) -> str:
        if self.algorithm == "none":
            parts = ({"alg": "none", "typ": "JWT"}, claims)
            shown = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
            return ".".join(part.rstrip("=") for part in shown) + "."
        if self.algorithm == "HS256":
            # The old confusion: the public key, which everybody has, taken as a shared secret.
            key = OctKey.import_key(self.key.as_pem(private=False))
            return jwt.encode({"alg": "HS256"}, claims, key, algorithms=["HS256"])
        header = {"alg": "RS256", "kid": "k1"}
        return jwt.encode(header, claims, self.signing or self.key)

    def metadata(self) -> dict[str, Any]:
        """Its discovery document."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }


@contextmanager
def serve_provider() -> Iterator[Provider]:
    """Serve it on loopback for the time of a block."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/.well-known/openid-configuration":
                self._answer(200, provider.metadata())
            elif self.path == "/keys":
                self._answer(200, {"keys": [provider.key.as_dict(private=False)]})
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            tokens = provider.exchange(
                dict(parse_qsl(body)), self.headers.get("Authorization") or ""
            )
            self._answer(*((200, tokens) if tokens else (400, {"error": "invalid_grant"})))

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
