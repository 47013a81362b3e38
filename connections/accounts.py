"""Accounts: connect by key, list, change tier, pause, disconnect."""

from sqlalchemy.engine import Engine
from connections.models import Account
from connections.settings import Settings
from connections.vault import Vault
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Connected:
    """What connecting did.

    Attributes:
        account: the account as it is now.
        created: False when it was known before (a reconnection keeps its history).
        first_import_requested: whether a first import is now waiting.
    """

    account: Account
    created: bool
    first_import_requested: bool


def list_accounts(engine: Engine) -> list[Account]:
    """All accounts ever connected and not purged, by account id."""
    raise NotImplementedError


def get_account(engine: Engine, account_id: str) -> Account:
    """One account.

    Raises:
        UnknownAccountError: no such account; lists those that exist.
    """
    raise NotImplementedError


def connect_with_api_key_env(
    engine: Engine,
    settings: Settings,
    variable: str,
    *,
    tier: str | None = None,
    now: datetime | None = None,
) -> Connected:
    """Connect the account whose key is in the environment variable named `variable`.

    Only the variable's name is stored. Asks Stripe once (`GET /v1/account`) whose key it is.

    Raises:
        UnknownTierError, MissingApiKeyError, StripeRefusedError, StripeUnreachableError.
    """
    raise NotImplementedError


def set_tier(engine: Engine, account_id: str, tier: str) -> Account:
    """Move an account to another tier; works from the next tick."""
    raise NotImplementedError


def set_reporting_timezone(engine: Engine, account_id: str, timezone: str | None) -> Account:
    """Override the account's reporting time zone (IANA name); None = Stripe's again."""
    raise NotImplementedError


def pause(engine: Engine, account_id: str) -> Account:
    """Stop the account's schedule, keep its credentials."""
    raise NotImplementedError


def resume(engine: Engine, account_id: str) -> Account:
    """Undo `pause`."""
    raise NotImplementedError


def disconnect(engine: Engine, settings: Settings, account_id: str) -> Account:
    """Deauthorise at Stripe (Connect), delete tokens, stop the schedule, keep data."""
    raise NotImplementedError
