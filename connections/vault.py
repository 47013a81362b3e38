"""The vault: stored tokens, encrypted (stub; see the functions' docstrings)."""

from sqlalchemy.engine import Engine
from connections.settings import Settings


class Vault:
    """Encrypts and decrypts credentials with a key ring."""


def open_vault(settings: Settings, engine: Engine) -> Vault:
    """The vault with the configured keys; makes `keys/credentials.key` if none is configured.

    Raises:
        VaultKeyError: a key is malformed, its file is readable by others, or credentials are
            stored while their key is missing. Nothing is changed then.
    """
    raise NotImplementedError
