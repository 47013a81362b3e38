"""The vault: AES-256-GCM encryption of stored credentials with a ring of keys.

A ciphertext is bound, as associated data, to its row's id, its account and its purpose, so that it
decrypts in its own place only. What belongs here: keys, encryption, decryption. Which credentials
exist and when they change is in `tokens` and `oauth`.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.engine import Engine

from connections.errors import DashtrayError
from connections.models import Credential, CredentialPurpose
from connections.secret import Secret
from connections.settings import Settings

KEY_BYTES = 32
NONCE_BYTES = 12


class VaultKeyError(DashtrayError):
    """A key is malformed, missing, or kept where others can read it. Nothing was changed."""


class VaultTamperError(DashtrayError):
    """A stored credential does not decrypt in its place: it was changed, moved or damaged."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the ring.

    Attributes:
        key_id: stored beside each ciphertext; derived from the key, tells nothing about it.
        secret: base64 of the key's 32 bytes.
    """

    key_id: str
    secret: Secret

    @classmethod
    def parse(cls, encoded: str, source: str) -> "Key":
        """Read one key.

        Args:
            encoded: base64 (standard or URL-safe) of 32 bytes.
            source: the variable or file, for the message; the key itself is never shown.

        Raises:
            VaultKeyError: it is not that.
        """
        try:
            raw = base64.b64decode(
                encoded.strip().replace("-", "+").replace("_", "/"), validate=True
            )
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != KEY_BYTES:
            raise VaultKeyError(
                f"{source} does not hold the base64 of {KEY_BYTES} bytes. Make a key with: "
                'python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"'
            )
        digest = hashlib.sha256(b"dashtray key id\0" + raw).hexdigest()
        return cls(digest[:16], Secret(base64.b64encode(raw).decode()))

    @property
    def raw(self) -> bytes:
        """The key's bytes, for the cipher only."""
        return base64.b64decode(self.secret.reveal())


@dataclass(frozen=True, slots=True)
class Sealed:
    """A ciphertext with what is needed to open it again with the right key."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class Vault:
    """Encrypts with the first key of the ring, decrypts with any.

    Args:
        keys: the ring, at least one key.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        if not keys:
            raise VaultKeyError("The key ring is empty: configure DASHTRAY_ENCRYPTION_KEY.")
        self._keys = {key.key_id: key for key in keys}
        self._first = keys[0]

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the ring's keys; the first encrypts."""
        return tuple(self._keys)

    def seal(
        self, value: Secret, *, row_id: UUID, account_id: str, purpose: CredentialPurpose
    ) -> Sealed:
        """Encrypt a value for one place, with a fresh 96-bit nonce."""
        nonce = os.urandom(NONCE_BYTES)
        place = _associated_data(self._first.key_id, row_id, account_id, purpose)
        ciphertext = AESGCM(self._first.raw).encrypt(nonce, value.reveal().encode(), place)
        return Sealed(self._first.key_id, nonce, ciphertext)

    def open(
        self, sealed: Sealed, *, row_id: UUID, account_id: str, purpose: CredentialPurpose
    ) -> Secret:
        """Decrypt a value in its place.

        Raises:
            VaultKeyError: the ring does not hold its key.
            VaultTamperError: anything about it or its place was changed.
        """
        key = self._keys.get(sealed.key_id)
        what = f"The {purpose.value} of {account_id}"
        if key is None:
            raise VaultKeyError(
                f"{what} was encrypted with the key {sealed.key_id}, but the configured keys are "
                f"{', '.join(self._keys)}. Configure the former key again, or reconnect the "
                "account. Nothing was changed."
            )
        place = _associated_data(sealed.key_id, row_id, account_id, purpose)
        try:
            value = AESGCM(key.raw).decrypt(sealed.nonce, sealed.ciphertext, place)
        except (InvalidTag, ValueError):
            raise VaultTamperError(
                f"{what} does not decrypt: its row was changed outside Dashtray or damaged. "
                "Restore the database from a backup, or reconnect the account."
            ) from None
        return Secret(value.decode())

    def derive(self, purpose: str) -> bytes:
        """32 bytes for another use (signing), derived from the first key and of no use to it."""
        return hmac.digest(self._first.raw, b"dashtray derived key\0" + purpose.encode(), "sha256")


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
            "there. Restore it, or configure DASHTRAY_ENCRYPTION_KEY or "
            "DASHTRAY_ENCRYPTION_KEY_FILE. Nothing was changed."
        )
    if keys is None:
        keys = _read_key_file(make_key_file(settings.default_key_file))
    missing = needed - {key.key_id for key in keys}
    if missing:
        raise VaultKeyError(
            f"Credentials are stored under the key {', '.join(sorted(missing))}, but the "
            f"configured keys are {', '.join(key.key_id for key in keys)}. Add the former "
            "key to the ring (after the new one). Nothing was changed."
        )
    return Vault(keys)


def configured_keys(settings: Settings) -> list[Key] | None:
    """The ring of the environment or of a key file, first key first; None = nothing configured.

    Raises:
        VaultKeyError: a key is malformed or its file cannot be used.
    """
    if settings.encryption_key is not None:
        parts = settings.encryption_key.reveal().split(",")
        return [Key.parse(part, "DASHTRAY_ENCRYPTION_KEY") for part in parts]
    path = settings.encryption_key_file or settings.default_key_file
    try:
        return _read_key_file(path)
    except FileNotFoundError:
        if settings.encryption_key_file is None:
            return None
        raise VaultKeyError(
            f"DASHTRAY_ENCRYPTION_KEY_FILE={path} does not exist. Correct it or make the file."
        ) from None


def make_key_file(path: Path) -> Path:
    """Make a key file with a fresh key, mode 0600, unless there is one.

    Written aside and linked into place, so that it is whole as soon as it can be seen; when two
    processes do it at once, one link wins and both use that file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink()
    return path


def _read_key_file(path: Path) -> list[Key]:
    try:
        # The mode of the opened file, so that it cannot be exchanged between look and read.
        with path.open(encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise VaultKeyError(
                    f"The key file {path} has mode {mode:04o}: others may read or change it. "
                    f"Run: chmod 600 {path}"
                )
            lines = [line for line in file.read().splitlines() if line.strip()]
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise VaultKeyError(f"The key file {path} cannot be read: {error}.") from None
    if not lines:
        raise VaultKeyError(f"The key file {path} is empty. Restore it from a backup.")
    return [Key.parse(line, f"The key file {path}") for line in lines]


def _associated_data(
    key_id: str, row_id: UUID, account_id: str, purpose: CredentialPurpose
) -> bytes:
    # NUL cannot occur in any part, so that no two places give the same bytes.
    return "\0".join(("dashtray credential 1", key_id, str(row_id), account_id, purpose)).encode()
