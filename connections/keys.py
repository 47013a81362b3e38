"""Encryption keys: where the ring is configured, how a key looks, how a key file is made.

The ring comes from the environment, from a file, or from a command that asks a secret store. What
is done with the keys is in `vault` and `rotation`.
"""

import base64
import binascii
import hashlib
import os
import secrets
import shlex
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from connections.errors import DashtrayError
from connections.secret import Secret
from connections.settings import Settings

KEY_BYTES = 32
COMMAND_SECONDS = 30
HOW_TO_MAKE = 'python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"'


class VaultKeyError(DashtrayError):
    """A key is malformed, missing, or kept where others can read it. Nothing was changed."""


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
                f"{source} does not hold the base64 of {KEY_BYTES} bytes. "
                f"Make a key with: {HOW_TO_MAKE}"
            )
        digest = hashlib.sha256(b"dashtray key id\0" + raw).hexdigest()
        return cls(digest[:16], Secret(base64.b64encode(raw).decode()))

    @property
    def raw(self) -> bytes:
        """The key's bytes, for the cipher only."""
        return base64.b64decode(self.secret.reveal())


def configured_keys(settings: Settings) -> list[Key] | None:
    """The configured ring, first key first; None = nothing is configured and no file was made.

    Raises:
        VaultKeyError: a key is malformed, or its file or command cannot be used.
    """
    if settings.encryption_key is not None:
        parts = settings.encryption_key.reveal().split(",")
        return [Key.parse(part, "DASHTRAY_ENCRYPTION_KEY") for part in parts]
    if settings.encryption_key_command is not None:
        return _keys_of_command(settings.encryption_key_command)
    path = settings.encryption_key_file or settings.default_key_file
    try:
        return read_key_file(path)
    except FileNotFoundError:
        if settings.encryption_key_file is None:
            return None
        raise VaultKeyError(
            f"DASHTRAY_ENCRYPTION_KEY_FILE={path} does not exist. Correct it or make the file."
        ) from None


def keys_are_ours(settings: Settings) -> bool:
    """Whether the ring is the file that was made under the home, which we may add keys to."""
    return not any(
        (
            settings.encryption_key,
            settings.encryption_key_command,
            settings.encryption_key_file,
        )
    )


def make_key_file(path: Path) -> Path:
    """Make a key file with a fresh key, mode 0600, unless there is one.

    Written aside and linked into place, so that it is whole as soon as it can be seen; when two
    processes do it at once, one link wins and both use that file.
    """

    def link(fresh: Path) -> None:
        with suppress(FileExistsError):
            path.hardlink_to(fresh)

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    _write_aside(path, [_fresh_line()], link)
    return path


def add_fresh_key(path: Path) -> None:
    """Put a fresh key before those of a key file; the others stay.

    Raises:
        VaultKeyError: the file cannot be used.
    """
    lines = [key.secret.reveal().encode() + b"\n" for key in read_key_file(path)]
    _write_aside(path, [_fresh_line(), *lines], lambda fresh: fresh.replace(path))


def keep_keys(path: Path, key_ids: set[str]) -> None:
    """Remove from a key file every key but these.

    Raises:
        VaultKeyError: the file cannot be used.
    """
    kept = [key for key in read_key_file(path) if key.key_id in key_ids]
    lines = [key.secret.reveal().encode() + b"\n" for key in kept]
    _write_aside(path, lines, lambda fresh: fresh.replace(path))


def read_key_file(path: Path) -> list[Key]:
    """The keys of a file, one per line.

    Raises:
        VaultKeyError: others may read the file, or it holds no keys.
        FileNotFoundError: it is not there.
    """
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


def _fresh_line() -> bytes:
    return base64.b64encode(os.urandom(KEY_BYTES)) + b"\n"


def _write_aside(path: Path, lines: list[bytes], put: Callable[[Path], object]) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        put(fresh)
    finally:
        fresh.unlink(missing_ok=True)


def _keys_of_command(command: str) -> list[Key]:
    """Run the operator's command, without a shell; nothing of what it prints is ever shown."""
    name = "DASHTRAY_ENCRYPTION_KEY_COMMAND"
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command
            shlex.split(command), capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise VaultKeyError(f"{name} did not end within {COMMAND_SECONDS} s.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it cannot be split into words"
        raise VaultKeyError(f"{name} cannot be run: {reason}. Correct it.") from None
    if done.returncode:
        raise VaultKeyError(
            f"{name} ended with exit code {done.returncode}. Run it by hand to see why."
        )
    lines = [line for line in done.stdout.decode("ascii", "replace").splitlines() if line.strip()]
    if not lines:
        raise VaultKeyError(f"{name} printed nothing. It must print one key per line.")
    return [Key.parse(line, name) for line in lines]
