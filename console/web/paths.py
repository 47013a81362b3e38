"""Addresses that several parts of the console must agree on, and which of them need no login."""

from __future__ import annotations

from starlette.types import Scope

CONNECT_PATH = "/connect/stripe"
CALLBACK_PATH = "/connect/stripe/callback"
LOGIN_PATH = "/login"
LOGOUT_PATH = "/logout"
OIDC_PATH = "/login/oidc"
OIDC_CALLBACK_PATH = "/login/oidc/callback"
WEBHOOK_PATH = "/webhooks/stripe"
HEALTH_PATH = "/health"
CHECK_PATH = "/auth/check"

_ASSETS = ("/static/", "/library/")

#: Answered without a login; everything else needs one, also what a later route forgets to ask.
PUBLIC = frozenset(
    {LOGIN_PATH, OIDC_PATH, OIDC_CALLBACK_PATH, WEBHOOK_PATH, HEALTH_PATH, CHECK_PATH}
)

#: Takes signed messages of programs, which have no page from which to bring a token.
UNGUARDED = frozenset({WEBHOOK_PATH})


def is_asset(scope: Scope) -> bool:
    """Whether a request is for a style, script or picture that is the same for everybody."""
    return str(scope["path"]).startswith(_ASSETS)


def is_public(scope: Scope) -> bool:
    """Whether a request is answered without a login."""
    return scope["path"] in PUBLIC or is_asset(scope)


def own_path(value: str | None) -> str:
    """An address of this console to go on to, from one that a request names; else the first page.

    Another site's address, however it is written, is none.
    """
    if (
        value is None
        or not value.startswith("/")
        or value.startswith("//")
        or "\\" in value
        or not value.isascii()
        or not value.isprintable()
        or len(value) > 2000
    ):
        return "/"
    return value
