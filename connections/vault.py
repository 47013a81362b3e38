"""The vault: AES-256-GCM encryption of stored credentials with a ring of keys.

A ciphertext is bound, as associated data, to everything else in its row: id, account, purpose,
times and key. So it decrypts in its own place only. What belongs here: encryption, decryption,
derived keys. Where keys come from is in `keys`; which credentials exist is in `credentials`.
"""

import hmac
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.engine import Engine

from connections.errors import DashtrayError
from connections.keys import Key, VaultKeyError, configured_keys, make_key_file, read_key_file
from connections.models import Credential, CredentialPurpose
from connections.secret import Secret
from connections.settings import Settings

NONCE_BYTES = 12


class VaultTamperError(DashtrayError):
    """A stored credential does not decrypt in its place: it was changed, moved or damaged."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ciphertext is stored; it opens nowhere else.

    Attributes:
        row_id: the row's id.
        account_id: its account; None for a secret of the deployment itself.
        purpose: what the secret is for.
        stored_at: when it was stored.
        expires_at: until when it is good; None = for ever.
    """

    row_id: UUID
    account_id: str | None
    purpose: CredentialPurpose
    stored_at: datetime
    expires_at: datetime | None

    def __str__(self) -> str:
        """What people read of it."""
        return f"The {self.purpose.value} of {self.account_id or 'this deployment'}"

    def associated_data(self, key_id: str) -> bytes:
        """What the ciphertext is bound to.

        NUL cannot occur in any part, so no two places give the same bytes.
        """
        times = (
            "" if time is None else time.astimezone(UTC).isoformat()
            for time in (self.stored_at, self.expires_at)
        )
        parts = (key_id, str(self.row_id), self.account_id or "", self.purpose.value, *times)
        return "\0".join(("dashtray credential 2", *parts)).encode()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A ciphertext with what is needed to open it again with the right key."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class Vault:
    """Encrypts with the first key of the ring, decrypts with any. Safe to share between threads.

    Args:
        keys: the ring, at least one key.
        reload: reads the ring anew. A process that outlives a rotation meets ciphertexts under a
            key that it has not seen yet.
    """

    def __init__(
        self, keys: Sequence[Key], reload: Callable[[], Sequence[Key] | None] | None = None
    ) -> None:
        if not keys:
            raise VaultKeyError("The key ring is empty: configure DASHTRAY_ENCRYPTION_KEY.")
        self._keys = tuple(keys)
        self._reload = reload

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the ring's keys; the first encrypts."""
        return tuple(key.key_id for key in self._keys)

    def seal(self, value: Secret, place: Place) -> Sealed:
        """Encrypt a value for one place, with a fresh 96-bit nonce."""
        nonce, key = os.urandom(NONCE_BYTES), self._keys[0]
        ciphertext = AESGCM(key.raw).encrypt(
            nonce, value.reveal().encode(), place.associated_data(key.key_id)
        )
        return Sealed(key.key_id, nonce, ciphertext)

    def open(self, sealed: Sealed, place: Place) -> Secret:
        """Decrypt a value in its place.

        Raises:
            VaultKeyError: the ring does not hold its key.
            VaultTamperError: anything about it or its place was changed.
        """
        key = self._key(sealed.key_id)
        if key is None:
            raise VaultKeyError(
                f"{place} was encrypted with the key {sealed.key_id}, but the configured keys are "
                f"{', '.join(self.key_ids)}. Configure that key again, or reconnect the "
                "account. Nothing was changed."
            )
        try:
            value = AESGCM(key.raw).decrypt(
                sealed.nonce, sealed.ciphertext, place.associated_data(sealed.key_id)
            )
        except (InvalidTag, ValueError):
            raise VaultTamperError(
                f"{place} does not decrypt: its row was changed outside Dashtray or damaged. "
                "Restore the database from a backup, or reconnect the account."
            ) from None
        return Secret(value.decode())

    def derive(self, purpose: str) -> list[bytes]:
        """32 bytes for another use (signing) per key of the ring, first key first.

        Sign with the first and accept all: what was signed before a rotation stays good.
        """
        label = b"dashtray derived key\0" + purpose.encode()
        return [hmac.digest(key.raw, label, "sha256") for key in self._keys]

    def _key(self, key_id: str) -> Key | None:
        for key in self._keys:
            if key.key_id == key_id:
                return key
        fresh = self._reload() if self._reload else None
        if not fresh or key_id not in {key.key_id for key in fresh}:
            return None
        self._keys = tuple(fresh)
        return self._key(key_id)


def open_vault(settings: Settings, engine: Engine) -> Vault:
    """The vault with the configured keys; makes `keys/credentials.key` if none is configured.

    Raises:
        VaultKeyError: a key is malformed, its file can be read by others, or credentials are
            stored whose key is not configured. Nothing is changed then.
    """
    keys = configured_keys(settings)
    with engine.connect() as connection:
        needed = set(connection.scalars(select(Credential.key_id).distinct()))
    if keys is None and needed:
        raise VaultKeyError(
            f"Credentials are stored, but their key is missing: {settings.default_key_file} is not "
            "there. Restore it, or configure DASHTRAY_ENCRYPTION_KEY, "
            "DASHTRAY_ENCRYPTION_KEY_FILE or DASHTRAY_ENCRYPTION_KEY_COMMAND. If it is lost for "
            "good: dashtray keys list, then keys forget --lost KEY_ID. Nothing was changed."
        )
    if keys is None:
        keys = read_key_file(make_key_file(settings.default_key_file))
    missing = needed - {key.key_id for key in keys}
    if missing:
        raise VaultKeyError(
            f"Credentials are stored under the key {', '.join(sorted(missing))}, but the "
            f"configured keys are {', '.join(key.key_id for key in keys)}. Add the former "
            "key to the ring (after the new one). If it is lost for good: dashtray keys forget "
            "--lost KEY_ID. Nothing was changed."
        )
    return Vault(keys, reload=lambda: configured_keys(settings))
