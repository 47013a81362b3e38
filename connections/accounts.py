"""Accounts: connect, list, change tier, pause, disconnect.

Connecting by OAuth begins in `oauth` and ends here, in `store_connection`, as connecting by key
does: so that both update a known account, double none, and keep its history.
"""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from connections import stripe_api
from connections.credentials import delete_tokens
from connections.days import checked_timezone
from connections.errors import AccountStateError, DashtrayError, StripeRefusedError
from connections.history import parse_history_days
from connections.models import Account, AccountStatus, AuthKind
from connections.request_queue import drop_open_requests, queue_first_import
from connections.rows import account_row, at, transaction
from connections.secret import Secret
from connections.settings import Settings, is_loopback_host
from connections.stripe_api import AccountFacts, StripeAnswerError
from connections.tiers import get_tier

DEFAULT_TIER = "free"


class MissingApiKeyError(DashtrayError):
    """The environment variable that should hold an account's key is not set, or is no name."""


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


@dataclass(frozen=True, slots=True)
class Disconnected:
    """What disconnecting did.

    Attributes:
        account: the account as it is now; its data are kept.
        remark: what is left to do by hand at Stripe, if anything.
    """

    account: Account
    remark: str | None


def list_accounts(engine: Engine) -> list[Account]:
    """All accounts that are or were connected, by account id."""
    with transaction(engine) as session:
        return list(session.scalars(select(Account).order_by(Account.account_id)))


def connected_accounts(engine: Engine) -> list[Account]:
    """The accounts that may be synced: neither paused nor gone; by account id."""
    return [each for each in list_accounts(engine) if each.status is AccountStatus.CONNECTED]


def get_account(engine: Engine, account_id: str) -> Account:
    """One account.

    Raises:
        UnknownAccountError: no such account; lists those that exist.
    """
    with transaction(engine) as session:
        return account_row(session, account_id)


def connect_with_api_key_env(
    engine: Engine,
    settings: Settings,
    variable: str,
    *,
    tier: str | None = None,
    history_days: str | None = None,
    now: datetime | None = None,
) -> Connected:
    """Connect the account whose key is in the environment variable named `variable`.

    Stores the variable's name, never its value. Asks Stripe once whose key it is.

    Args:
        engine: the database.
        settings: where Stripe is.
        variable: the variable's name.
        tier: "free" when None; an account that is known keeps its own then.
        history_days: days of payment history, as `parse_history_days` takes them; 90 when None,
            and likewise.
        now: the present.

    Raises:
        UnknownTierError: no such tier.
        HistoryDaysError: no such number of days.
        MissingApiKeyError: the variable is not set.
        StripeRefusedError: the key is refused or may not read the account.
        StripeUnreachableError: Stripe does not answer.
    """
    if tier is not None:
        get_tier(tier)
    if history_days is not None:
        parse_history_days(history_days)
    key = api_key_from_environment(variable)
    headers = stripe_api.bearer_headers(key)
    try:
        facts = stripe_api.fetch_account(settings.stripe_api_base, headers)
    except StripeAnswerError as error:
        raise StripeAnswerError(
            f"The key in {variable} cannot be used. {error} Check the key; a restricted key must "
            "be allowed to read the account.",
            status=error.status,
            code=error.code,
        ) from None
    if missing := stripe_api.unreadable(settings.stripe_api_base, headers):
        raise StripeRefusedError(
            f"The key in {variable} may not read: {', '.join(missing)}. Allow it to read these in "
            "the Stripe Dashboard, then connect again."
        )
    with transaction(engine) as session:
        return store_connection(
            session,
            settings,
            facts,
            auth_kind=AuthKind.API_KEY_ENV,
            api_key_env=variable,
            livemode=key.reveal().startswith(("sk_live_", "rk_live_")),
            scope=None,
            tier=tier,
            history_days=history_days,
            now=at(now),
        )


def api_key_from_environment(variable: str) -> Secret:
    """The key that the named variable holds now.

    Raises:
        MissingApiKeyError: the name is no variable's name (a key, perhaps: it is not shown), or
            the variable is not set.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable) or re.match(r"(sk|rk)_", variable):
        raise MissingApiKeyError(
            "The name of an environment variable is needed, not a key. Put the key into a "
            "variable, for example STRIPE_API_KEY, and give that name."
        )
    value = os.environ.get(variable, "").strip()
    if not value:
        raise MissingApiKeyError(
            f"The environment variable {variable} is not set. Put the account's restricted key "
            "into it, where this process can see it."
        )
    return Secret(value)


def set_tier(engine: Engine, account_id: str, tier: str) -> Account:
    """Move an account to another tier; works from the next tick.

    Raises:
        UnknownTierError: no such tier.
        UnknownAccountError: no such account.
    """
    get_tier(tier)
    with transaction(engine) as session:
        account = account_row(session, account_id, lock=True)
        account.tier = tier
        return account


def set_reporting_timezone(engine: Engine, account_id: str, timezone: str | None) -> Account:
    """Override the account's time zone by an IANA name; None = Stripe's again.

    Raises:
        UnknownTimezoneError: no such time zone.
        UnknownAccountError: no such account.
    """
    if timezone is not None:
        checked_timezone(timezone)
    with transaction(engine) as session:
        account = account_row(session, account_id, lock=True)
        account.reporting_timezone = timezone
        return account


def pause(engine: Engine, account_id: str) -> Account:
    """Stop a connected account's schedule; credentials are kept.

    Raises:
        UnknownAccountError: no such account.
        AccountStateError: it is revoked or disconnected.
    """
    return _switch(engine, account_id, AccountStatus.PAUSED)


def resume(engine: Engine, account_id: str) -> Account:
    """Undo `pause`.

    Raises:
        UnknownAccountError: no such account.
        AccountStateError: it is revoked or disconnected.
    """
    return _switch(engine, account_id, AccountStatus.CONNECTED)


def disconnect(
    engine: Engine, settings: Settings, account_id: str, *, now: datetime | None = None
) -> Disconnected:
    """Give up access at Stripe, delete the tokens, stop the schedule; the data are kept.

    Raises:
        UnknownAccountError: no such account.
        StripeUnreachableError: Stripe does not answer; nothing is changed then.
    """
    with transaction(engine) as session:
        account = account_row(session, account_id, lock=True)
        remark = None
        if account.status in {AccountStatus.CONNECTED, AccountStatus.PAUSED}:
            remark = _deauthorise(settings, account)
        account.status = AccountStatus.DISCONNECTED
        delete_tokens(session, account_id)
        drop_open_requests(session, account_id, "The account was disconnected.", now=at(now))
        return Disconnected(account, remark)


def mark_revoked(session: Session, account: Account, reason: str, *, now: datetime) -> None:
    """Stripe withdrew the access: delete the tokens, stop the schedule, keep the data.

    Args:
        session: in a transaction that holds the account's row.
        account: the account.
        reason: one line for people.
        now: the present.
    """
    if account.status is not AccountStatus.DISCONNECTED:
        account.status = AccountStatus.REVOKED
    account.last_error = reason
    delete_tokens(session, account.account_id)
    drop_open_requests(session, account.account_id, reason, now=now)


def store_connection(
    session: Session,
    settings: Settings,
    facts: AccountFacts,
    *,
    auth_kind: AuthKind,
    api_key_env: str | None,
    livemode: bool,
    scope: str | None,
    tier: str | None,
    history_days: str | None,
    now: datetime,
) -> Connected:
    """Make the account, or update the one that is there, and queue its first import if needed.

    Args:
        session: in a transaction; tokens can be stored in the same one.
        settings: the servers it is connected at.
        facts: what Stripe says about it.
        auth_kind: how its calls are authorised.
        api_key_env: the variable's name for `api_key_env`.
        livemode: False for a sandbox.
        scope: permissions granted.
        tier: None = its own, or "free" for a new one.
        history_days: as `parse_history_days` takes them; None = its own, or 90 for a new one.
        now: the present.

    Raises:
        AccountStateError: it is known from another server.
    """
    account_id = facts.account_id
    values = {
        "status": AccountStatus.CONNECTED,
        "auth_kind": auth_kind,
        "api_key_env": api_key_env,
        "livemode": livemode,
        "scope": scope,
        "api_base": settings.stripe_api_base,
        "connect_base": settings.stripe_connect_base,
        "connected_at": now,
    }
    # Two connections of one new account at once: the second waits here, then finds the first.
    created = session.scalar(
        insert(Account)
        .values(account_id=account_id, tier=tier or DEFAULT_TIER, created_at=now, **values)
        .on_conflict_do_nothing()
        .returning(Account.account_id)
    )
    account = account_row(session, account_id, lock=True)
    _require_same_server(account, settings)
    for name, value in values.items():
        setattr(account, name, value)
    account.tier = tier or account.tier
    if history_days is not None:
        account.history_days = parse_history_days(history_days)
    account.display_name = facts.display_name or account.display_name
    account.default_currency = facts.default_currency or account.default_currency
    account.stripe_timezone = facts.timezone or account.stripe_timezone
    account.last_error = None
    account.consecutive_failures = 0
    needs_import = account.first_import_finished_at is None
    if needs_import:
        queue_first_import(session, account, now=now)
    session.flush()
    return Connected(account, created is not None, needs_import)


def _require_same_server(account: Account, settings: Settings) -> None:
    """Data of two servers under one account id would be mixed; two local simulators may be."""
    if account.api_base == settings.stripe_api_base:
        return
    hosts = (urlsplit(base).hostname for base in (account.api_base, settings.stripe_api_base))
    if not all(is_loopback_host(host) for host in hosts):
        raise AccountStateError(
            f"The account {account.account_id} was connected at {account.api_base}, but "
            f"STRIPE_API_BASE is {settings.stripe_api_base}. Use another DASHTRAY_HOME (and "
            "database) for another server."
        )


def _switch(engine: Engine, account_id: str, status: AccountStatus) -> Account:
    with transaction(engine) as session:
        account = account_row(session, account_id, lock=True)
        if account.status not in {AccountStatus.CONNECTED, AccountStatus.PAUSED}:
            raise AccountStateError(
                f"The account {account_id} is {account.status}. Connect it again first."
            )
        account.status = status
        return account


def _deauthorise(settings: Settings, account: Account) -> str | None:
    """Tell Stripe; returns what is left to do by hand, if anything."""
    if account.auth_kind is AuthKind.API_KEY_ENV:
        return f"The key in {account.api_key_env} stays valid until you delete it at Stripe."
    by_hand = (
        "Nothing is read any more, as the tokens are deleted here. So that Stripe does not list "
        "this app either, the account's owner uninstalls it in the Stripe Dashboard: "
        "Settings, Installed apps."
    )
    if settings.stripe_client_id is None or settings.stripe_secret_key is None:
        return f"Stripe was not told: STRIPE_CLIENT_ID or STRIPE_SECRET_KEY is not set. {by_hand}"
    if settings.stripe_connect_base != account.connect_base:
        # The platform's key must not go to a server that it was not meant for.
        return f"Stripe was not told: it was connected at {account.connect_base}. {by_hand}"
    try:
        stripe_api.deauthorise(
            account.connect_base,
            settings.stripe_secret_key,
            client_id=settings.stripe_client_id,
            account_id=account.account_id,
        )
    except StripeAnswerError as error:
        if account.auth_kind is AuthKind.APP_OAUTH:
            return f"A Stripe App can be ended by its owner alone. Stripe said: {error} {by_hand}"
        return f"Stripe did not withdraw the access: {error} {by_hand}"
    return None
