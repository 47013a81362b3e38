"""Connecting an account: Stripe's two OAuth flows, from consent to tokens.

What belongs here: authorisation requests, codes, the token endpoints, deauthorisation. The page
that a person sees is in ``consent``; what a token may read is checked in ``wire.auth``.

* Stripe App flow: ``/oauth/v2/authorize`` and ``/v1/oauth/token``: access tokens of one hour,
  refresh tokens of one year that are replaced at every use.
* Connect flow: ``/oauth/authorize``, ``/oauth/token``, ``/oauth/deauthorize``: the platform then
  reads with its own key and ``Stripe-Account``.
"""

import ipaddress
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import orjson

from stripe_simulator.consent import AccountChoice, consent_page, error_page
from stripe_simulator.wire.auth import PLATFORM_CLIENT_ID, Credential, Credentials, secret_of
from stripe_simulator.wire.clock import VirtualClock
from stripe_simulator.wire.http import Request, Response

CODE_SECONDS = 300
ACCESS_TOKEN_SECONDS = 3600
REFRESH_TOKEN_SECONDS = 365 * 86_400
FLOWS = {"/oauth/v2/authorize": "app", "/oauth/authorize": "connect"}


class OAuthError(Exception):
    """A refusal in OAuth's own format: ``{"error": …, "error_description": …}``."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description


@dataclass(slots=True)
class Code:
    """An authorisation code: once, and for five minutes."""

    flow: str
    account_id: str
    scope: str
    expires_at: int
    used: bool = False
    # What was issued for it: taken back if somebody presents the code again.
    access_token: str = ""
    refresh_token: str = ""


@dataclass(slots=True)
class RefreshToken:
    """The right to another access token; an app's is worth one use."""

    flow: str
    account_id: str
    scope: str
    expires_at: int | None
    used: bool = False


@dataclass(frozen=True, slots=True)
class Authorization:
    """A checked authorisation request."""

    flow: str
    redirect_uri: str
    state: str
    scope: str


class OAuth:
    """The authorisation server of the simulated platform."""

    def __init__(
        self,
        credentials: Credentials,
        clock: VirtualClock,
        accounts: Callable[[], list[AccountChoice]],
        redirect_uris: list[str],
        app_permissions: frozenset[str],
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._accounts = accounts
        self._redirect_uris = redirect_uris
        self._app_permissions = app_permissions
        self._codes: dict[str, Code] = {}
        self._refresh_tokens: dict[str, RefreshToken] = {}
        # Told about every deauthorised account, so that a webhook can be sent.
        self.on_deauthorized: Callable[[str], None] = lambda account_id: None

    def handle(self, request: Request) -> Response | None:
        """Answer an OAuth request; None when the path is not one of OAuth's."""
        if request.path in FLOWS and request.method in ("GET", "POST"):
            return self._consent(request, FLOWS[request.path])
        if request.method != "POST":
            return None
        try:
            if request.path == "/v1/oauth/token":
                return _json(200, self._token(request, "app"))
            if request.path == "/oauth/token":
                return _json(200, self._token(request, "connect"))
            if request.path == "/oauth/deauthorize":
                return _json(200, self._deauthorize(request))
        except OAuthError as error:
            body = {"error": error.error, "error_description": error.description}
            return _json(error.status, body)
        return None

    def revoke(self, account_id: str) -> None:
        """What happens when an account's owner removes the app or the platform."""
        if not self._credentials.grants_access(account_id):
            return
        self._credentials.revoke_tokens(account_id)
        for token in self._refresh_tokens.values():
            if token.account_id == account_id:
                token.used = True
        self.on_deauthorized(account_id)

    def _consent(self, request: Request, flow: str) -> Response:
        """Show the consent page, or act on the button that was pressed."""
        query = _fields(request.query)
        try:
            authorization = self._check_authorization(query, flow)
        except OAuthError as error:
            page = error_page(error.error, error.description)
            return Response(400, page.encode(), content_type="text/html; charset=utf-8")
        accounts = self._accounts()
        if request.method == "GET":
            page = consent_page(flow, accounts, authorization.scope, query.get("stripe_user_id"))
            return Response(200, page.encode(), content_type="text/html; charset=utf-8")
        form = _fields(request.body.decode("utf-8", "replace"))
        if form.get("action") == "deny":
            return _redirect(
                authorization,
                {"error": "access_denied", "error_description": "The user denied your request"},
            )
        chosen = form.get("account", "")
        if form.get("action") != "approve" or chosen not in {each.id for each in accounts}:
            page = error_page(
                "invalid_request",
                "Send action=approve or action=deny, and account=acct_… of a simulated account; "
                f"got action={form.get('action')!r}, account={chosen!r}.",
            )
            return Response(400, page.encode(), content_type="text/html; charset=utf-8")
        code = "ac_" + secrets.token_urlsafe(24)
        self._codes[code] = Code(
            flow, chosen, authorization.scope, self._clock.now() + CODE_SECONDS
        )
        granted = {"code": code}
        if flow == "connect":
            granted["scope"] = authorization.scope
        else:
            granted["stripe_user_id"] = chosen
        return _redirect(authorization, granted)

    def _check_authorization(self, query: dict[str, str], flow: str) -> Authorization:
        """The request's parameters, or why nobody should be asked for consent."""
        if query.get("client_id") != PLATFORM_CLIENT_ID:
            raise OAuthError(
                400,
                "invalid_request",
                f"No application matches the supplied client identifier: "
                f"{query.get('client_id')!r} (this simulator's is {PLATFORM_CLIENT_ID!r})",
            )
        scope = "stripe_apps"
        if flow == "connect":
            if query.get("response_type") != "code":
                raise OAuthError(400, "unsupported_response_type", "response_type must be 'code'")
            scope = query.get("scope", "read_only")
            if scope not in ("read_only", "read_write"):
                raise OAuthError(400, "invalid_scope", f"Invalid scope: {scope!r}")
        redirect_uri = query.get("redirect_uri") or next(iter(self._redirect_uris), "")
        if not self._may_redirect(redirect_uri):
            raise OAuthError(
                400,
                "invalid_redirect_uri",
                f"Invalid redirect URI {redirect_uri!r}: it is not "
                "registered with this simulator (without --redirect-uri: any loopback address)",
            )
        return Authorization(flow, redirect_uri, query.get("state", ""), scope)

    def _may_redirect(self, uri: str) -> bool:
        """Registered addresses exactly; with none registered, any loopback address."""
        if self._redirect_uris:
            return uri in self._redirect_uris
        parts = urlsplit(uri)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return False
        if parts.hostname == "localhost":
            return True
        try:
            return ipaddress.ip_address(parts.hostname).is_loopback
        except ValueError:
            return False

    def _token(self, request: Request, flow: str) -> dict[str, object]:
        """Exchange a code or a refresh token for tokens."""
        form = _fields(request.body.decode("utf-8", "replace"))
        self._check_platform(request, form)
        grant = form.get("grant_type", "")
        code: Code | None = None
        if grant == "authorization_code":
            code = self._use_code(form.get("code", ""), flow)
            account_id, scope = code.account_id, code.scope
        elif grant == "refresh_token":
            account_id, scope = self._use_refresh_token(form.get("refresh_token", ""), flow)
        elif not grant:
            raise OAuthError(400, "invalid_request", "No grant type specified")
        else:
            raise OAuthError(400, "unsupported_grant_type", f"Unsupported grant type: {grant}")
        tokens = self._issue(flow, account_id, scope)
        if code is not None:
            code.access_token = str(tokens["access_token"])
            code.refresh_token = str(tokens["refresh_token"])
        return tokens

    def _check_platform(self, request: Request, form: dict[str, str]) -> None:
        """Only the platform's own secret key may exchange."""
        secret = form.get("client_secret") or secret_of(request.headers)
        if secret != self._credentials.platform.secret:
            raise OAuthError(401, "invalid_client", "Invalid API Key provided for the platform")

    def _use_code(self, value: str, flow: str) -> Code:
        """A code that is good, once; a second use takes back what the first one brought."""
        code = self._codes.get(value)
        if code is None or code.flow != flow:
            raise OAuthError(400, "invalid_grant", f"Authorization code does not exist: {value}")
        if code.used:
            self._take_back(code)
            raise OAuthError(
                400,
                "invalid_grant",
                "This authorization code has already been used. All tokens issued with this code "
                "have been revoked.",
            )
        if self._clock.now() >= code.expires_at:
            raise OAuthError(400, "invalid_grant", f"Authorization code expired: {value}")
        code.used = True
        return code

    def _take_back(self, code: Code) -> None:
        """Revoke the tokens that a code brought; those refreshed since live on."""
        credential = self._credentials.find(code.access_token)
        if credential is not None:
            credential.revoked = True
        token = self._refresh_tokens.get(code.refresh_token)
        if token is not None:
            token.used = True

    def _use_refresh_token(self, value: str, flow: str) -> tuple[str, str]:
        """The account and scope of a refresh token that is good; an app's is then used up."""
        token = self._refresh_tokens.get(value)
        expired = (
            token is not None
            and token.expires_at is not None
            and self._clock.now() >= token.expires_at
        )
        if token is None or token.flow != flow or token.used or expired:
            raise OAuthError(400, "invalid_grant", "Refresh token does not exist or was used")
        if flow == "app":
            token.used = True
        return token.account_id, token.scope

    def _issue(self, flow: str, account_id: str, scope: str) -> dict[str, object]:
        """New tokens for an account, in the shape of the flow."""
        now = self._clock.now()
        mode = "live" if self._credentials.livemode else "test"
        access_token = f"sk_{mode}_at{secrets.token_hex(20)}"
        refresh_token = f"rt_{secrets.token_urlsafe(32)}"
        app = flow == "app"
        self._credentials.add(
            Credential(
                access_token,
                "access_token",
                account_id,
                permissions=self._app_permissions if app else None,
                expires_at=now + ACCESS_TOKEN_SECONDS if app else None,
            )
        )
        self._refresh_tokens[refresh_token] = RefreshToken(
            flow, account_id, scope, now + REFRESH_TOKEN_SECONDS if app else None
        )
        granted = self._credentials.installed if app else self._credentials.connected
        granted.add(account_id)
        return {
            "access_token": access_token,
            "livemode": self._credentials.livemode,
            "refresh_token": refresh_token,
            "scope": scope,
            "stripe_publishable_key": f"pk_{mode}_{account_id.removeprefix('acct_')}",
            "stripe_user_id": account_id,
            "token_type": "bearer",
        }

    def _deauthorize(self, request: Request) -> dict[str, object]:
        """The platform gives an account back."""
        form = _fields(request.body.decode("utf-8", "replace"))
        self._check_platform(request, form)
        if form.get("client_id") != PLATFORM_CLIENT_ID:
            raise OAuthError(
                401, "invalid_client", f"No such application: '{form.get('client_id')}'"
            )
        account_id = form.get("stripe_user_id", "")
        if account_id not in self._credentials.connected:
            raise OAuthError(
                401,
                "invalid_client",
                "This application is not connected to stripe account "
                f"{account_id}, or that account does not exist.",
            )
        self.revoke(account_id)
        return {"stripe_user_id": account_id}


def _fields(encoded: str) -> dict[str, str]:
    """A query or form, the last value of each name."""
    return {name: values[-1] for name, values in parse_qs(encoded, keep_blank_values=True).items()}


def _json(status: int, body: Mapping[str, object]) -> Response:
    """A JSON answer that no cache may keep."""
    return Response(status, orjson.dumps(body), {"Cache-Control": "no-store"})


def _redirect(authorization: Authorization, fields: dict[str, str]) -> Response:
    """Back to the platform with a result."""
    if authorization.state:
        fields = {**fields, "state": authorization.state}
    parts = urlsplit(authorization.redirect_uri)
    query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
    return Response(302, b"", {"Location": urlunsplit(parts._replace(query=query))})
