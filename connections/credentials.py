"""Stored tokens: write, read, delete. When they change is decided in `tokens` and `oauth`."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from connections.models import Credential, CredentialPurpose
from connections.secret import Secret
from connections.vault import Sealed, Vault


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One decrypted token with its times."""

    secret: Secret
    stored_at: datetime
    expires_at: datetime | None


def store_token(
    session: Session,
    vault: Vault,
    account_id: str,
    purpose: CredentialPurpose,
    secret: Secret,
    *,
    now: datetime,
    expires_at: datetime | None = None,
) -> None:
    """Put a token in place of the account's former one of that purpose."""
    row = _row(session, account_id, purpose)
    if row is None:
        row = Credential(id=uuid4(), account_id=account_id, purpose=purpose)
        session.add(row)
    sealed = vault.seal(secret, row_id=row.id, account_id=account_id, purpose=purpose)
    row.key_id, row.nonce, row.ciphertext = sealed.key_id, sealed.nonce, sealed.ciphertext
    row.stored_at, row.expires_at = now, expires_at
    session.flush()


def read_token(
    session: Session,
    vault: Vault,
    account_id: str,
    purpose: CredentialPurpose,
    *,
    lock: bool = False,
) -> StoredToken | None:
    """The account's token of that purpose; with `lock`, its row is held for this transaction.

    Raises:
        VaultKeyError, VaultTamperError: it cannot be decrypted.
    """
    row = _row(session, account_id, purpose, lock=lock)
    if row is None:
        return None
    secret = vault.open(
        Sealed(row.key_id, row.nonce, row.ciphertext),
        row_id=row.id,
        account_id=row.account_id,
        purpose=row.purpose,
    )
    return StoredToken(secret, row.stored_at, row.expires_at)


def delete_tokens(session: Session, account_id: str) -> None:
    """Delete all tokens of an account."""
    session.execute(delete(Credential).where(Credential.account_id == account_id))


def _row(
    session: Session, account_id: str, purpose: CredentialPurpose, *, lock: bool = False
) -> Credential | None:
    query = select(Credential).where(
        Credential.account_id == account_id, Credential.purpose == purpose
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)
