"""Both OAuth flows of docs/stripe.md: send a person to Stripe, take them back, store the tokens.

Which flow is used is a setting; the rest of the project sees no difference. Between the two calls
only a signed state travels: random, kept hashed in Postgres, bound to the browser by a nonce, good
for one return within `STATE_LIFETIME`.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import delete
from sqlalchemy.engine import Engine

from connections import stripe_api
from connections.accounts import Connected, store_connection
from connections.errors import (
    DashtrayError,
    SettingsError,
    StripeRefusedError,
    StripeUnreachableError,
)
from connections.history import parse_history_days
from connections.models import AuthKind, OAuthState
from connections.rows import account_row, at, transaction
from connections.settings import OAuthFlow, Settings, is_loopback_host
from connections.stripe_api import AccountFacts, StripeAnswerError, TokenGrant
from connections.tiers import get_tier
from connections.tokens import platform_key, store_grant
from connections.vault import Vault

STATE_LIFETIME = timedelta(minutes=30)
# Used states are remembered for a while, so that a replay is told from an invention.
STATE_MEMORY = timedelta(days=7)

_FLOWS = {OAuthFlow.APP: AuthKind.APP_OAUTH, OAuthFlow.CONNECT: AuthKind.CONNECT_OAUTH}


class AuthorisationError(DashtrayError):
    """The return from Stripe could not be used.

    Attributes:
        title: what happened, in a few words.
        next_step: what the person can do.
        foreign: whether it may have nothing to do with the person who started.
    """

    title = "Not connected"
    next_step = "Start again from Connect."
    foreign = False


class AuthorisationDeniedError(AuthorisationError):
    """The owner said no on Stripe's page."""

    title = "Access was denied"
    next_step = "Nothing was stored. Start again from Connect if this was a mistake."


class StateUnknownError(AuthorisationError):
    """The state is missing, was not made by us, or was changed."""

    title = "Not started here"
    foreign = True


class StateUsedError(AuthorisationError):
    """The state was used before: a reload of the page, or a replay."""

    title = "Already used"
    next_step = (
        "See the list of accounts: the first return may have connected it. Else start again."
    )


class StateExpiredError(AuthorisationError):
    """The person took longer than `STATE_LIFETIME`."""

    title = "Too late"


class WrongBrowserError(AuthorisationError):
    """The return came from another browser than the one that started."""

    title = "Another browser"
    foreign = True
    next_step = "Open Connect and approve in one and the same browser, with cookies allowed."


class CodeExpiredError(AuthorisationError):
    """Stripe's code was too old (5 minutes) or used before."""

    title = "Stripe's code is over"


class WrongAccountError(AuthorisationError):
    """On a reconnection, another account was approved than the one to reconnect."""

    title = "Another account was approved"
    next_step = "Start again and choose the right account on Stripe's page."


class MissingPermissionError(AuthorisationError):
    """The owner agreed, but to less than a sync reads."""

    title = "A permission is missing"
    next_step = (
        "Add these read permissions to your Stripe app, let the owner approve it again, and start "
        "again from Connect."
    )


class AuthorisationRefusedError(AuthorisationError, StripeRefusedError):
    """Stripe refused: the platform's key or client id does not fit, or the request is malformed."""

    title = "Stripe refused"
    next_step = "Check STRIPE_CLIENT_ID, STRIPE_SECRET_KEY and DASHTRAY_STRIPE_OAUTH."


class AuthorisationUnreachableError(AuthorisationError, StripeUnreachableError):
    """Stripe did not answer the exchange; the person can simply start again."""

    title = "Stripe did not answer"
    next_step = "Nothing was stored. Wait a minute, then start again from Connect."


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Where to send the person, and what their browser must bring back.

    Attributes:
        url: Stripe's page.
        browser_nonce: set it as a cookie (HttpOnly, SameSite=Lax), and give it to
            `finish_authorisation`.
    """

    url: str
    browser_nonce: str


def begin_authorisation(
    engine: Engine,
    settings: Settings,
    vault: Vault,
    *,
    redirect_uri: str,
    tier: str | None = None,
    history_days: str | None = None,
    expected_account: str | None = None,
    now: datetime | None = None,
) -> Authorisation:
    """Start an authorisation.

    Args:
        engine: the database.
        settings: the flow, Stripe's servers, the client id.
        vault: signs the state.
        redirect_uri: our callback, as registered at Stripe; https, or http to loopback.
        tier: for a new account ("free" when None); a known account keeps its own when None.
        history_days: days of payment history, as `parse_history_days` takes them; 90 when None,
            and likewise.
        expected_account: on a reconnection, the only account that may come back.
        now: the present.

    Raises:
        SettingsError: the client id or key is missing, or the redirect is not acceptable.
        UnknownTierError: no such tier.
        HistoryDaysError: no such number of days.
        UnknownAccountError: the account to reconnect is not known.
    """
    if settings.stripe_client_id is None:
        raise SettingsError(
            "STRIPE_CLIENT_ID is not set: the client id of your Stripe app or platform is needed."
        )
    platform_key(settings)
    _check_redirect(redirect_uri)
    if tier is not None:
        get_tier(tier)
    if history_days is not None:
        parse_history_days(history_days)
    instant = at(now)
    token, browser_nonce = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    with transaction(engine) as session:
        if expected_account is not None:
            account_row(session, expected_account)
        session.execute(delete(OAuthState).where(OAuthState.expires_at < instant - STATE_MEMORY))
        session.add(
            OAuthState(
                state_hash=_hash(token),
                browser_hash=_hash(browser_nonce),
                flow=_FLOWS[settings.stripe_oauth],
                tier=tier,
                history_days=history_days,
                expected_account=expected_account,
                created_at=instant,
                expires_at=instant + STATE_LIFETIME,
            )
        )
    query = {
        "client_id": settings.stripe_client_id,
        "redirect_uri": redirect_uri,
        "state": _signer(vault).dumps(token),
    }
    if settings.stripe_oauth is OAuthFlow.APP:
        page = f"{settings.stripe_marketplace_base}/oauth/v2/authorize"
    else:
        page = f"{settings.stripe_connect_base}/oauth/authorize"
        query = {"response_type": "code", "scope": "read_only", **query}
    return Authorisation(f"{page}?{urlencode(query)}", browser_nonce)


def finish_authorisation(
    engine: Engine,
    settings: Settings,
    vault: Vault,
    *,
    params: Mapping[str, str],
    browser_nonce: str | None,
    now: datetime | None = None,
) -> Connected:
    """Finish an authorisation: check the return, exchange the code, store account and tokens.

    Reconnecting a known account updates it and keeps its history. Nothing is stored on an error.

    Args:
        engine: the database.
        settings: as for `begin_authorisation`.
        vault: checks the state, seals the tokens.
        params: the callback's query parameters: `state` with `code`, or `error`.
        browser_nonce: from the browser's cookie.
        now: the present.

    Raises:
        AuthorisationError: one of its classes, each with `next_step`.
        AccountStateError: the account is known from another server.
    """
    instant = at(now)
    state = _use_state(engine, vault, params.get("state"), browser_nonce, instant)
    error = params.get("error")
    if error == "invalid_scope":
        raise MissingPermissionError("Stripe's page did not grant the permissions asked for.")
    if error == "access_denied":
        raise AuthorisationDeniedError("Access was denied on Stripe's page.")
    if error:
        raise AuthorisationRefusedError(
            f"Stripe's page ended with an error: {_shown(params.get('error_description') or error)}"
        )
    code = params.get("code")
    if not code or not code.isascii():
        raise AuthorisationError("The return from Stripe carries no code.")
    grant = _exchange(settings, state.flow, code)
    if state.expected_account not in {None, grant.account_id}:
        raise WrongAccountError(
            f"The account {grant.account_id} was approved, but {state.expected_account} is to be "
            "reconnected. Nothing was stored."
        )
    headers = _headers(settings, state.flow, grant)
    if missing := stripe_api.unreadable(settings.stripe_api_base, headers):
        raise MissingPermissionError(
            f"{grant.account_id} was approved, but these may not be read: {', '.join(missing)}. "
            "Nothing was stored."
        )
    facts, granted_at = _facts(settings, headers, grant), at(now)
    with transaction(engine) as session:
        connected = store_connection(
            session,
            settings,
            facts,
            auth_kind=state.flow,
            api_key_env=None,
            livemode=grant.livemode,
            scope=grant.scope,
            tier=state.tier,
            history_days=state.history_days,
            now=granted_at,
        )
        if state.flow is AuthKind.APP_OAUTH:
            store_grant(session, vault, grant.account_id, grant, now=instant)
    return connected


def _use_state(
    engine: Engine, vault: Vault, value: str | None, browser_nonce: str | None, now: datetime
) -> OAuthState:
    """Check the state and use it up, committed before anything else is done with it.

    A wrong browser does not use it up: whoever saw the URL could spoil the owner's return.
    """
    try:
        token = _signer(vault).loads(value or "")
    except (BadData, UnicodeError):
        token = None
    if not isinstance(token, str):
        raise StateUnknownError("The return from Stripe was not started here.")
    with transaction(engine) as session:
        state = session.get(OAuthState, _hash(token), with_for_update=True)
        if state is None:
            raise StateUnknownError("The return from Stripe was not started here, or long ago.")
        if not secrets.compare_digest(state.browser_hash, _hash(browser_nonce or "")):
            raise WrongBrowserError("The return from Stripe came in another browser.")
        if state.used_at is not None:
            raise StateUsedError("This return from Stripe was used before.")
        if now >= state.expires_at:
            minutes = int(STATE_LIFETIME.total_seconds() // 60)
            raise StateExpiredError(
                f"The return from Stripe came after more than {minutes} minutes."
            )
        state.used_at = now
    return state


def _exchange(settings: Settings, flow: AuthKind, code: str) -> TokenGrant:
    key = platform_key(settings)
    form = {"grant_type": "authorization_code", "code": code}
    try:
        if flow is AuthKind.APP_OAUTH:
            return stripe_api.exchange_app_token(
                settings.stripe_api_base, key, form, idempotency_key=None
            )
        return stripe_api.exchange_connect_token(settings.stripe_connect_base, key, form)
    except StripeAnswerError as error:
        if error.code == "invalid_grant":
            raise CodeExpiredError(
                "Stripe no longer accepts the code of this return: it is older than 5 minutes or "
                "was used before."
            ) from None
        raise AuthorisationRefusedError(str(error)) from None
    except StripeUnreachableError as error:
        raise AuthorisationUnreachableError(str(error)) from None


def _headers(settings: Settings, flow: AuthKind, grant: TokenGrant) -> dict[str, str]:
    if flow is AuthKind.APP_OAUTH:
        return stripe_api.bearer_headers(grant.access_token)
    return stripe_api.bearer_headers(platform_key(settings), grant.account_id)


def _facts(settings: Settings, headers: dict[str, str], grant: TokenGrant) -> AccountFacts:
    """What Stripe says about the account; only its id if the app may not read more."""
    try:
        facts = stripe_api.fetch_account(settings.stripe_api_base, headers)
    except (StripeAnswerError, StripeUnreachableError):
        # The code is spent and the access granted: names and time zone can follow later.
        return AccountFacts(grant.account_id)
    return facts if facts.account_id == grant.account_id else AccountFacts(grant.account_id)


def _check_redirect(redirect_uri: str) -> None:
    parts = urlsplit(redirect_uri)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback_host(parts.hostname)):
        return
    raise SettingsError(
        f"The callback {redirect_uri} is refused: it must be https, or http to 127.0.0.1 or "
        "localhost."
    )


def _signer(vault: Vault) -> URLSafeSerializer:
    # It signs with the last of its keys; the others are accepted.
    keys = vault.derive("oauth state")[::-1]
    return URLSafeSerializer(keys, salt="dashtray.oauth.state")


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode(errors="surrogatepass")).digest()


def _shown(text: str) -> str:
    """A text from a URL, fit for one line."""
    return "".join(character for character in text if character.isprintable())[:200]
