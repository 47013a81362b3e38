"""How calls for an account are authorised, at the moment of the call.

A key from the environment is read at run time; a Connect account is called with the platform's
key; a Stripe App's access token lasts an hour and is refreshed after fifty minutes, once, however
many processes ask. Nothing here keeps a token after it was used.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from connections import stripe_api
from connections.accounts import api_key_from_environment
from connections.credentials import StoredToken, read_token, store_token
from connections.errors import (
    AccountStateError,
    DashtrayError,
    SettingsError,
    StripeUnreachableError,
)
from connections.models import Account, AccountStatus, AuthKind, CredentialPurpose
from connections.rows import account_row, at, transaction
from connections.secret import Secret
from connections.settings import Settings
from connections.stripe_api import StripeAnswerError, StripeFailedError, TokenGrant
from connections.vault import Vault

# Idempotency keys tried for one refresh token, each after a kept error of Stripe's.
_EXCHANGES = 3

_ACCESS, _REFRESH = CredentialPurpose.ACCESS_TOKEN, CredentialPurpose.REFRESH_TOKEN


class AccessRevokedError(DashtrayError):
    """Stripe says for good that we may not call for this account any more.

    Record it as outcome `revoked`: that deletes the tokens and stops the schedule.
    """


class AccessProvider:
    """Gives access to accounts. Safe to share between threads.

    Args:
        engine: the database.
        settings: Stripe's servers and the platform's key.
        vault: opens the tokens.
    """

    def __init__(self, engine: Engine, settings: Settings, vault: Vault) -> None:
        self._engine = engine
        self._settings = settings
        self._vault = vault

    def for_account(self, account_id: str) -> "AccountAccess":
        """The access of one account.

        Raises:
            UnknownAccountError: no such account.
            AccountStateError: it is revoked or disconnected, or was connected at another server
                than the configured one: no key is ever sent to a server it was not meant for.
        """
        with transaction(self._engine) as session:
            account = account_row(session, account_id)
        return self.of(account)

    def of(self, account: Account) -> "AccountAccess":
        """The access of an account that has just been read.

        Raises:
            AccountStateError: as `for_account`.
        """
        account_id = account.account_id
        if account.status in {AccountStatus.REVOKED, AccountStatus.DISCONNECTED}:
            raise AccountStateError(
                f"The account {account_id} is {account.status}. Connect it again."
            )
        if account.api_base != self._settings.stripe_api_base:
            raise AccountStateError(
                f"The account {account_id} was connected at {account.api_base}, but "
                f"STRIPE_API_BASE is {self._settings.stripe_api_base}. Set it back, or connect "
                "the account again."
            )
        return AccountAccess(self._engine, self._settings, self._vault, account)


class AccountAccess:
    """One account's access. Safe to share between threads; made by `AccessProvider`.

    Attributes:
        account_id: the account.
        api_base: calls go to this server only.
    """

    def __init__(self, engine: Engine, settings: Settings, vault: Vault, account: Account) -> None:
        self.account_id = account.account_id
        self.api_base = account.api_base
        self._engine = engine
        self._settings = settings
        self._vault = vault
        self._kind = account.auth_kind
        self._variable = account.api_key_env

    def headers(self, *, now: datetime | None = None) -> dict[str, str]:
        """`Authorization` (and `Stripe-Account`) for the next call.

        Costs one small query for a Stripe App, nothing else; so ask before every call rather than
        keep the answer.

        Raises:
            MissingApiKeyError: the key's environment variable is not set.
            SettingsError: the platform's key is not set.
            AccessRevokedError: the refresh token is no longer accepted.
            StripeUnreachableError: the token had to be refreshed, and Stripe did not answer.
        """
        if self._kind is AuthKind.API_KEY_ENV:
            return stripe_api.bearer_headers(api_key_from_environment(self._variable or ""))
        if self._kind is AuthKind.CONNECT_OAUTH:
            return stripe_api.bearer_headers(platform_key(self._settings), self.account_id)
        return stripe_api.bearer_headers(self._access_token(at(now)))

    def rejected(self, headers: dict[str, str], *, now: datetime | None = None) -> bool:
        """Tell that Stripe answered 401 to these headers.

        Returns:
            True: `headers()` now gives other ones, try once more. False: there is nothing better.

        Raises:
            AccessRevokedError, StripeUnreachableError: as `headers`.
        """
        if self._kind is not AuthKind.APP_OAUTH:
            return self.headers() != headers
        refused = Secret(headers.get("Authorization", "").removeprefix("Bearer "))
        return self._refresh(at(now), refused=refused) != refused

    def is_revocation(self, status: int, code: str | None) -> bool:
        """Whether an error answer to a call says that the access was withdrawn for good.

        Call it for an answer that stands after `rejected`. A 403 that names a missing permission
        is none.
        """
        if self._kind is AuthKind.CONNECT_OAUTH:
            # A 401 would be about the platform's own key, and so about every account.
            return status in {401, 403} and code == "account_invalid"
        return status == 401 or (status == 403 and code == "account_invalid")

    def _access_token(self, now: datetime) -> Secret:
        with transaction(self._engine) as session:
            stored = read_token(session, self._vault, self.account_id, _ACCESS)
        if stored is not None and not _refresh_is_due(stored, now):
            return stored.secret
        try:
            return self._refresh(now)
        except StripeUnreachableError:
            # Refreshing early leaves time for Stripe to come back.
            if stored is not None and stored.expires_at is not None and now < stored.expires_at:
                return stored.secret
            raise

    def _refresh(self, now: datetime, *, refused: Secret | None = None) -> Secret:
        """Refresh the access token unless somebody has; returns the one to use.

        The row of the refresh token is locked from reading it until its successor is stored, so
        that of all who want a new token one goes to Stripe. Both new tokens are committed before
        the access token is used: Stripe has replaced the refresh token by then.
        """
        with transaction(self._engine) as session:
            refresh = read_token(session, self._vault, self.account_id, _REFRESH, lock=True)
            access = read_token(session, self._vault, self.account_id, _ACCESS)
            if refresh is None:
                raise AccessRevokedError(
                    f"No token is stored for {self.account_id}. Connect the account again."
                )
            fresh = access is not None and (
                not _refresh_is_due(access, now) if refused is None else access.secret != refused
            )
            if access is not None and fresh:
                return access.secret
            grant = self._exchange(refresh.secret)
            store_grant(session, self._vault, self.account_id, grant, now=now)
            return grant.access_token

    def _exchange(self, refresh_token: Secret) -> TokenGrant:
        for attempt in range(1, _EXCHANGES + 1):
            try:
                grant = self._ask_for_tokens(refresh_token, attempt)
            except StripeFailedError as error:
                if error.replayed and attempt < _EXCHANGES:
                    continue
                raise
            except StripeAnswerError as error:
                if error.code == "invalid_grant":
                    raise AccessRevokedError(
                        f"Stripe no longer accepts the token of {self.account_id}: the access was "
                        "withdrawn, or unused for a year, or its successor was lost in a crash. "
                        "Connect the account again."
                    ) from None
                raise
            break
        if grant.account_id != self.account_id:
            raise StripeUnreachableError(
                f"Stripe answered for {grant.account_id} when the token of {self.account_id} was "
                "refreshed; it was not used."
            )
        return grant

    def _ask_for_tokens(self, refresh_token: Secret, attempt: int) -> TokenGrant:
        """Exchange the refresh token under an idempotency key that any process would use.

        Stripe answers a repeated key with the first answer: should this process die before the
        new tokens are stored, the next one gets those same tokens. It keeps errors of its own
        as well; against those only another key helps.
        """
        words = f"dashtray refresh {attempt}\0{refresh_token.reveal()}"
        digest = hashlib.sha256(words.encode()).hexdigest()
        return stripe_api.exchange_app_token(
            self.api_base,
            platform_key(self._settings),
            {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()},
            idempotency_key=f"dashtray-{digest}",
        )


def store_grant(
    session: Session, vault: Vault, account_id: str, grant: TokenGrant, *, now: datetime
) -> None:
    """Store the tokens of a Stripe App's exchange in place of the former ones."""
    expires_at = now + timedelta(seconds=grant.lifetime_seconds)
    store_token(
        session, vault, account_id, _ACCESS, grant.access_token, now=now, expires_at=expires_at
    )
    if grant.refresh_token is not None:
        store_token(session, vault, account_id, _REFRESH, grant.refresh_token, now=now)


def platform_key(settings: Settings) -> Secret:
    """The app's or platform's secret key.

    Raises:
        SettingsError: it is not set.
    """
    if settings.stripe_secret_key is None:
        raise SettingsError(
            "STRIPE_SECRET_KEY is not set: the secret key of your Stripe app or platform is needed "
            "for accounts connected through OAuth."
        )
    return settings.stripe_secret_key


def _refresh_is_due(token: StoredToken, now: datetime) -> bool:
    """After five sixths of its life: fifty minutes of an hour."""
    if token.expires_at is None:
        return False
    return now >= token.stored_at + (token.expires_at - token.stored_at) * 5 / 6
