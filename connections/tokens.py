"""How calls for an account are authorised (stub)."""

from sqlalchemy.engine import Engine
from connections.settings import Settings
from connections.vault import Vault


class AccessProvider:
    """Gives request headers for accounts; refreshes App tokens when they are due."""

    def __init__(self, engine: Engine, settings: Settings, vault: Vault) -> None: ...

    def for_account(self, account_id: str) -> "AccountAccess":
        """The access of one account."""
        raise NotImplementedError


class AccountAccess:
    """One account's access. Safe to share between threads."""

    account_id: str
    api_base: str
    """Calls go to this server only."""

    def headers(self) -> dict[str, str]:
        """`Authorization` (and `Stripe-Account`) for the next call; cheap enough for every call.

        Raises:
            MissingApiKeyError, AccessRevokedError, StripeUnreachableError.
        """
        raise NotImplementedError

    def rejected(self, headers: dict[str, str]) -> bool:
        """Tell that Stripe answered 401 to `headers`: True = call `headers()` again and retry.

        True at most once per token: refreshes an App token, or finds that another process has.
        """
        raise NotImplementedError

    def is_revocation(self, status: int, code: str | None) -> bool:
        """Whether this error answer says that access was withdrawn for good."""
        raise NotImplementedError
