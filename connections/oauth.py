"""Both OAuth flows of docs/stripe.md (stub)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from sqlalchemy.engine import Engine
from connections.accounts import Connected
from connections.settings import Settings
from connections.vault import Vault


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Where to send the person, and what their browser must bring back.

    Attributes:
        url: Stripe's page.
        browser_nonce: set it as a cookie; give it back to `finish_authorisation`.
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
    expected_account: str | None = None,
    now: datetime | None = None,
) -> Authorisation:
    """Start an authorisation.

    Args:
        tier: for a new account ("free" when None); an account that is there keeps its own
            when None.
        expected_account: on a reconnection, the only account that may come back.

    Raises:
        SettingsError: STRIPE_CLIENT_ID or STRIPE_SECRET_KEY is missing.
        UnknownTierError.
    """
    raise NotImplementedError


def finish_authorisation(
    engine: Engine,
    settings: Settings,
    vault: Vault,
    *,
    params: Mapping[str, str],
    browser_nonce: str | None,
    now: datetime | None = None,
) -> Connected:
    """Finish it with the callback's query parameters: exchange the code, store the tokens.

    Raises:
        AuthorisationDenied, StateUnknown, StateUsed, StateExpired, WrongBrowser, CodeExpired,
        WrongAccount, StripeUnreachableError, ...: all derive from `AuthorisationError`, each has
        `next_step`.
    """
    raise NotImplementedError
