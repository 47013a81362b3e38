"""Stored secrets: write, read, delete. When they change is decided in `tokens` and `oauth`."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from connections.models import Credential, CredentialPurpose
from connections.secret import Secret
from connections.vault import Place, Sealed, Vault


@dataclass(frozen=True, slots=True)
class StoredToken:
    """One decrypted token with its times."""

    secret: Secret
    stored_at: datetime
    expires_at: datetime | None


def store_token(
    session: Session,
    vault: Vault,
    account_id: str | None,
    purpose: CredentialPurpose,
    secret: Secret,
    *,
    now: datetime,
    expires_at: datetime | None = None,
) -> None:
    """Put a token in place of the account's former one of that purpose.

    Args:
        session: in a transaction.
        vault: seals it.
        account_id: None for a secret of the deployment itself.
        purpose: what it is for.
        secret: the token.
        now: the present.
        expires_at: until when it is good.
    """
    row = _row(session, account_id, purpose)
    if row is None:
        row = Credential(id=uuid4(), account_id=account_id, purpose=purpose)
        session.add(row)
    row.stored_at, row.expires_at = now, expires_at
    seal_row(vault, row, secret)
    session.flush()


def read_token(
    session: Session,
    vault: Vault,
    account_id: str | None,
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
    return StoredToken(open_row(vault, row), row.stored_at, row.expires_at)


def delete_tokens(session: Session, account_id: str) -> None:
    """Delete all tokens of an account."""
    session.execute(delete(Credential).where(Credential.account_id == account_id))


def seal_row(vault: Vault, row: Credential, secret: Secret) -> None:
    """Encrypt a secret for the row that it is put into."""
    sealed = vault.seal(secret, _place(row))
    row.key_id, row.nonce, row.ciphertext = sealed.key_id, sealed.nonce, sealed.ciphertext


def open_row(vault: Vault, row: Credential) -> Secret:
    """Decrypt a row.

    Raises:
        VaultKeyError, VaultTamperError: it cannot be decrypted.
    """
    return vault.open(Sealed(row.key_id, row.nonce, row.ciphertext), _place(row))


def _place(row: Credential) -> Place:
    return Place(row.id, row.account_id, row.purpose, row.stored_at, row.expires_at)


def _row(
    session: Session, account_id: str | None, purpose: CredentialPurpose, *, lock: bool = False
) -> Credential | None:
    query = select(Credential).where(
        Credential.account_id.is_not_distinct_from(account_id), Credential.purpose == purpose
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalar(query)
