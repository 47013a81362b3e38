"""Logging in with an OpenID provider, by authlib: discovery, PKCE, nonce, signed tokens.

The provider says who somebody is; whether and what they may see is in `dashtray users`. Between
the two requests the browser keeps a signed cookie, good for ten minutes and used up on return.
"""

from __future__ import annotations

import warnings
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.concurrency import run_in_threadpool

from connections.vault import Vault
from connections.web_settings import OidcSettings
from connections.web_users import User, user_of_identity
from console.web.context import Web, web_of
from console.web.identity import client_of
from console.web.pages.login import ask, logged_in
from console.web.paths import OIDC_CALLBACK_PATH, OIDC_PATH, own_path

router = APIRouter()

MINUTES = 10
COOKIE = "dashtray_oidc"
#: Signatures by which a provider may vouch; none that needs a shared secret, and not "none".
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_TIMEOUT = 10.0


@router.get(OIDC_PATH)
async def start(
    request: Request, web: Annotated[Web, Depends(web_of)], next: str = "/"
) -> Response:
    """Send the person to the provider."""
    if not web.limiter.allows("login", client_of(request.scope)):
        return ask(request, web, next, "Too many attempts: wait a minute.", 429)
    provider = _provider(web)
    session: dict[str, Any] = {}
    request.scope["session"] = session
    try:
        address = web.address_of(request, OIDC_CALLBACK_PATH)
        response: Response = await provider.authorize_redirect(request, address)
    except Exception as error:  # authlib and the HTTP client raise many kinds
        words = f"The provider cannot be used now ({type(error).__name__}). Try again later."
        return ask(request, web, next, words, 502)
    session["next"] = own_path(next)
    response.set_cookie(
        COOKIE,
        _signer(web.vault).dumps(session),
        path=OIDC_CALLBACK_PATH,
        max_age=MINUTES * 60,
        secure=web.web_settings.secure,
        httponly=True,
        samesite="lax",
    )
    return response


@router.get(OIDC_CALLBACK_PATH)
async def callback(request: Request, web: Annotated[Web, Depends(web_of)]) -> Response:
    """Take the person back, and log them in if they are a user."""
    if not web.limiter.allows("callback", client_of(request.scope)):
        return ask(request, web, "/", "Too many attempts: wait a minute.", 429)
    provider = _provider(web)
    session = _session(web.vault, request.cookies.get(COOKIE))
    if session is None:
        return _refuse(request, web, "This login was not started here, or too long ago.")
    request.scope["session"] = session
    try:
        identity = await _identity(request, provider, _oidc(web))
    except Exception as error:  # likewise; the words of some repeat what was sent
        return _refuse(request, web, f"The login was not accepted ({type(error).__name__}).")
    user = await run_in_threadpool(_user, web, identity)
    if user is None:
        return _refuse(
            request, web, "You are known to the provider, but no user here. Ask the operator.", 403
        )
    response = await run_in_threadpool(logged_in, request, web, user, session.get("next", "/"))
    response.delete_cookie(COOKIE, path=OIDC_CALLBACK_PATH)
    return response


async def _identity(request: Request, provider: Any, oidc: OidcSettings) -> dict[str, Any]:
    """The checked claims of the provider about the person."""
    metadata = await provider.load_server_metadata()
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    metadata["id_token_signing_alg_values_supported"] = [
        name for name in offered if name in ALGORITHMS
    ] or ["RS256"]
    token = await provider.authorize_access_token(
        request,
        claims_options={
            "iss": {"essential": True, "values": [oidc.issuer]},
            "aud": {"essential": True, "values": [oidc.client_id]},
            "sub": {"essential": True},
            "nonce": {"essential": True},
        },
    )
    return dict(token["userinfo"])


def _user(web: Web, identity: dict[str, Any]) -> User | None:
    email = identity.get("email")
    verified = identity.get("email_verified") is True and isinstance(email, str)
    return user_of_identity(
        web.engine, subject=str(identity["sub"]), email=email if verified else None
    )


def _refuse(request: Request, web: Web, words: str, status: int = 400) -> Response:
    response = ask(request, web, "/", words, status)
    response.delete_cookie(COOKIE, path=OIDC_CALLBACK_PATH)
    return response


def _oidc(web: Web) -> OidcSettings:
    if web.web_settings.oidc is None:
        raise HTTPException(404)
    return web.web_settings.oidc


def _provider(web: Web) -> Any:
    """Authlib's client of the configured provider. What it read of the provider is not kept."""
    oidc = _oidc(web)
    with warnings.catch_warnings():
        # Its notice that another HTTP client will be preferred some day is switched on by this.
        import authlib.deprecate  # type: ignore[import-untyped] # noqa: F401

        warnings.simplefilter("ignore")
        from authlib.integrations.starlette_client import OAuth  # type: ignore[import-untyped]

    return OAuth().register(
        "provider",
        client_id=oidc.client_id,
        client_secret=oidc.client_secret.reveal(),
        server_metadata_url=f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid email",
            "code_challenge_method": "S256",
            "timeout": _TIMEOUT,
        },
    )


def _session(vault: Vault, cookie: str | None) -> dict[str, Any] | None:
    try:
        session = _signer(vault).loads(cookie or "", max_age=MINUTES * 60)
    except (BadData, UnicodeError):
        return None
    return session if isinstance(session, dict) else None


def _signer(vault: Vault) -> URLSafeTimedSerializer:
    # It signs with the last of its keys; the others are accepted.
    return URLSafeTimedSerializer(vault.derive("oidc login")[::-1], salt="dashtray.oidc")
