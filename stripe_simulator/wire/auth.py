"""Credentials: which key or token may read which account, and what of it.

What belongs here: keys, restricted keys, the platform's key with ``Stripe-Account``, access tokens,
expiry and revocation, and the check that every request goes through. How tokens come to be issued
is in ``oauth``.
"""

import base64
import binascii
import hashlib
from collections import Counter
from dataclasses import dataclass

from stripe_simulator.wire import errors
from stripe_simulator.wire.clock import VirtualClock

PLATFORM_ACCOUNT = "acct_1SimulatorPlatform"
PLATFORM_CLIENT_ID = "ca_simulator"


@dataclass(slots=True)
class Credential:
    """One secret and what it opens.

    `permissions` is None for full access, else the endpoints' permission names that it may read.
    `expires_at` is virtual unix seconds, or None for a key that does not run out.
    """

    secret: str
    kind: str
    account_id: str
    permissions: frozenset[str] | None = None
    expires_at: int | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """A request that may go on: on which account, and with which credential."""

    account_id: str
    credential: Credential


def derive(seed: str, purpose: str, length: int = 24) -> str:
    """A reproducible token body: the same seed gives the same keys in every run."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    text = base64.b64encode(digest).decode().replace("+", "x").replace("/", "y").rstrip("=")
    return text[:length]


class Credentials:
    """Every key and token that the simulator knows."""

    def __init__(self, clock: VirtualClock, seed: str, livemode: bool) -> None:
        self._clock = clock
        self._seed = seed
        self.livemode = livemode
        self._by_secret: dict[str, Credential] = {}
        self._account_keys: dict[str, str] = {}
        # How many keys each account has been given: the next one is derived from it.
        self._made: Counter[str] = Counter()
        # Accounts that the platform may name in `Stripe-Account`.
        self.connected: set[str] = set()
        # Accounts that have installed the platform's app.
        self.installed: set[str] = set()
        self.platform = self._add("platform", "sk", PLATFORM_ACCOUNT, None)

    def _add(
        self, kind: str, prefix: str, account_id: str, permissions: frozenset[str] | None
    ) -> Credential:
        """Make a reproducible key."""
        mode = "live" if self.livemode else "test"
        self._made[account_id] += 1
        body = derive(self._seed, f"{kind}/{account_id}/{self._made[account_id] - 1}", 32)
        return self.add(Credential(f"{prefix}_{mode}_51{body}", kind, account_id, permissions))

    def add(self, credential: Credential) -> Credential:
        """Let a credential in from now on."""
        self._by_secret[credential.secret] = credential
        return credential

    def add_account_key(self, account_id: str) -> Credential:
        """A full secret key of one account."""
        credential = self._add("secret", "sk", account_id, None)
        self._account_keys[account_id] = credential.secret
        return credential

    def add_restricted_key(self, account_id: str, permissions: frozenset[str]) -> Credential:
        """A key of one account that may read only what is named."""
        return self._add("restricted", "rk", account_id, permissions)

    def find(self, secret: str) -> Credential | None:
        """The credential with this secret, revoked or not."""
        return self._by_secret.get(secret)

    def account_key(self, account_id: str) -> str:
        """The full secret key of an account.

        Raises:
            KeyError: If there is no such account.
        """
        return self._account_keys[account_id]

    def revoke_tokens(self, account_id: str) -> int:
        """Take the platform's access to an account away; returns how many tokens that ended."""
        ended = 0
        for credential in self._by_secret.values():
            if credential.kind == "access_token" and credential.account_id == account_id:
                ended += not credential.revoked
                credential.revoked = True
        self.connected.discard(account_id)
        self.installed.discard(account_id)
        return ended

    def grants_access(self, account_id: str) -> bool:
        """Whether an account has let the platform in, by either flow."""
        return account_id in self.connected or account_id in self.installed

    def expire_tokens(self, account_id: str) -> None:
        """Let every access token of an account run out now."""
        for credential in self._by_secret.values():
            if credential.kind == "access_token" and credential.account_id == account_id:
                credential.expires_at = self._clock.now()

    def authenticate(self, headers: dict[str, str]) -> Access:
        """Who is asking, for which account.

        Raises:
            StripeError: 401 without a usable key, 403 for an account that the key cannot reach.
        """
        secret = secret_of(headers)
        if not secret:
            raise errors.no_api_key()
        credential = self._by_secret.get(secret)
        if credential is None:
            raise errors.invalid_api_key(secret)
        named = headers.get("stripe-account")
        if credential.revoked:
            if credential.kind == "access_token":
                raise errors.account_invalid(secret, credential.account_id)
            raise errors.invalid_api_key(secret)
        if credential.expires_at is not None and self._clock.now() >= credential.expires_at:
            raise errors.expired_api_key(secret)
        if named is None or named == credential.account_id:
            return Access(credential.account_id, credential)
        if credential.kind == "platform" and named in self.connected:
            return Access(named, credential)
        raise errors.account_invalid(secret, named)

    def require(self, access: Access, permission: str) -> None:
        """Refuse what a restricted key or an app's token may not read.

        Raises:
            StripeError: 403, naming the missing permission.
        """
        permissions = access.credential.permissions
        if permissions is not None and permission not in permissions:
            raise errors.missing_permission(
                access.credential.secret, f"rak_{permission}_read", access.account_id
            )


def secret_of(headers: dict[str, str]) -> str | None:
    """The key in the Authorization header, as Bearer or as the user name of Basic."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None
