"""The key under which personal data are hashed: one per deployment, encrypted as tokens are."""

import secrets

from sqlalchemy import text
from sqlalchemy.engine import Engine

from connections.credentials import read_token, store_token
from connections.models import CredentialPurpose
from connections.rows import at, transaction
from connections.secret import Secret
from connections.vault import Vault


def pii_key(engine: Engine, vault: Vault) -> Secret:
    """The key under which this deployment hashes; made and stored, encrypted, at the first use.

    It is no key of the ring, because hashes must stay the same when that is rotated.

    Raises:
        VaultKeyError, VaultTamperError: it cannot be decrypted.
    """
    purpose = CredentialPurpose.PII_KEY
    with transaction(engine) as session:
        stored = read_token(session, vault, None, purpose)
        if stored is None:
            # Two processes that make it at once: the second waits here, then finds the first.
            session.execute(text("LOCK TABLE connections.credentials IN SHARE ROW EXCLUSIVE MODE"))
            stored = read_token(session, vault, None, purpose)
        if stored is not None:
            return stored.secret
        fresh = Secret(secrets.token_hex(32))
        store_token(session, vault, None, purpose, fresh, now=at(None))
        return fresh
