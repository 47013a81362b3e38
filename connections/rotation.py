"""Rotating the encryption key: every stored credential is encrypted anew, while all goes on.

A batch is a transaction, so a rotation killed anywhere leaves each credential readable under one
key of the ring, and the next run goes on with the rest. Also the end of keys: unused ones are
removed, the loss of one is accepted. Which keys there are is in `keys`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.engine import Engine

from connections.accounts import mark_revoked
from connections.credentials import open_row, seal_row
from connections.keys import (
    VaultKeyError,
    add_fresh_key,
    configured_keys,
    keep_keys,
    keys_are_ours,
)
from connections.models import Credential, CredentialPurpose
from connections.rows import at, transaction
from connections.settings import Settings
from connections.sync_endings import locked_accounts
from connections.vault import Vault, open_vault

BATCH = 100


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One key of the ring, or one that only stored credentials name.

    Attributes:
        key_id: its id.
        role: "encrypts", "decrypts", or "missing" when it is not configured.
        credentials: how many are encrypted under it.
    """

    key_id: str
    role: str
    credentials: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What the loss of a key took.

    Attributes:
        credentials: how many could not be opened any more.
        accounts: those that must be connected again, by id.
        hash_key: whether the key behind hashed personal data was among them.
    """

    credentials: int
    accounts: tuple[str, ...]
    hash_key: bool


def list_keys(engine: Engine, settings: Settings) -> list[KeyUse]:
    """The ring's keys in order, then those that are needed and missing.

    Raises:
        VaultKeyError: a key is malformed, or its file or command cannot be used.
    """
    uses = _uses(engine)
    ring = [key.key_id for key in configured_keys(settings) or []]
    listed = [
        KeyUse(key_id, "decrypts" if place else "encrypts", uses.pop(key_id, 0))
        for place, key_id in enumerate(ring)
    ]
    return [*listed, *(KeyUse(key_id, "missing", count) for key_id, count in sorted(uses.items()))]


def rotate(
    engine: Engine,
    settings: Settings,
    *,
    batch: int = BATCH,
    on_progress: Callable[[int], None] | None = None,
) -> tuple[str, int]:
    """Encrypt every credential under the ring's first key.

    Where the ring is the file made under the home, a fresh key is put first, unless an earlier
    rotation was not finished. Elsewhere the operator puts it first.

    Args:
        engine: the database.
        settings: where the keys are.
        batch: credentials per transaction.
        on_progress: called after each batch with how many are done.

    Returns:
        The id of the key that encrypts now, and how many credentials were encrypted anew.

    Raises:
        VaultKeyError: the ring is unusable or lacks a needed key; or its first key encrypts
            everything already and we may not add one.
        VaultTamperError: a credential does not decrypt; those before it are done.
    """
    vault = open_vault(settings, engine)
    if not _left(engine, vault):
        if not keys_are_ours(settings):
            raise VaultKeyError(
                f"Every credential is encrypted under the ring's first key, {vault.key_ids[0]}. "
                "To rotate, put a new key before it, keep the others, restart the service, and "
                "run this again."
            )
        add_fresh_key(settings.default_key_file)
        vault = open_vault(settings, engine)
    done = 0
    while moved := _move(engine, vault, batch):
        done += moved
        if on_progress:
            on_progress(done)
    return vault.key_ids[0], done


def forget_keys(engine: Engine, settings: Settings) -> list[str]:
    """Remove the keys under which nothing is encrypted from the file made under the home.

    The first key stays. To be called once the processes that were started before the rotation
    have ended, since they may still store a token under a former key.

    Returns:
        The ids of the removed keys.

    Raises:
        VaultKeyError: the ring is not that file, or it cannot be used.
    """
    if not keys_are_ours(settings):
        raise VaultKeyError(
            "The keys are configured from outside (DASHTRAY_ENCRYPTION_KEY…): remove the unused "
            "ones there. `dashtray keys list` says which are unused."
        )
    uses = list_keys(engine, settings)
    unused = [use.key_id for use in uses if use.role == "decrypts" and not use.credentials]
    if unused:
        keep_keys(settings.default_key_file, {use.key_id for use in uses} - set(unused))
    return unused


def accept_loss(
    engine: Engine, settings: Settings, key_id: str, *, now: datetime | None = None
) -> Loss:
    """Delete the credentials that only a lost key opens, so that all else works again.

    An account whose refresh token is among them must be connected again by its owner, and is
    treated as one that was withdrawn: its data stay. One that lost its access token alone gets
    another at its next call. All or nothing, in one transaction.

    Raises:
        VaultKeyError: the key is configured, or nothing is encrypted under it.
    """
    configured = {key.key_id for key in configured_keys(settings) or []}
    if key_id in configured:
        raise VaultKeyError(
            f"The key {key_id} is configured, so it is not lost. Nothing was changed."
        )
    instant = at(now)
    of_key = select(Credential).where(Credential.key_id == key_id)
    with transaction(engine) as session:
        found = session.scalars(of_key).all()
        # Accounts first, as everywhere, so that two transactions cannot wait for each other.
        accounts = locked_accounts(
            session, [row.account_id for row in found if row.account_id is not None]
        )
        lost = session.scalars(of_key.with_for_update()).all()
        if not lost:
            raise VaultKeyError(
                f"Nothing is encrypted under the key {key_id!r}. `dashtray keys list` shows which "
                "keys are missing. Nothing was changed."
            )
        count = len(lost)
        reconnect = sorted(
            row.account_id
            for row in lost
            if row.purpose is CredentialPurpose.REFRESH_TOKEN and row.account_id in accounts
        )
        hash_key = any(row.purpose is CredentialPurpose.PII_KEY for row in lost)
        for row in lost:
            session.delete(row)
        session.flush()
        for account_id in reconnect:
            reason = f"The encryption key of its token was lost ({key_id}). Connect it again."
            mark_revoked(session, accounts[account_id], reason, now=instant)
    return Loss(count, tuple(reconnect), hash_key)


def _uses(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        rows = connection.execute(
            select(Credential.key_id, func.count()).group_by(Credential.key_id)
        ).all()
    return {key_id: count for key_id, count in rows}


def _left(engine: Engine, vault: Vault) -> bool:
    return any(key_id != vault.key_ids[0] for key_id in _uses(engine))


def _move(engine: Engine, vault: Vault, batch: int) -> int:
    """Encrypt one batch anew; returns its size, 0 when nothing is left.

    Rows that a refresh holds are passed over. When only such are left one of them is waited for,
    while nothing else is held, so that no two transactions can wait for each other.
    """
    rest = select(Credential).where(Credential.key_id != vault.key_ids[0]).order_by(Credential.id)
    return _move_rows(engine, vault, rest.limit(batch).with_for_update(skip_locked=True)) or (
        _move_rows(engine, vault, rest.limit(1).with_for_update())
    )


def _move_rows(engine: Engine, vault: Vault, query: Select[Credential]) -> int:
    with transaction(engine) as session:
        rows = session.scalars(query.execution_options(populate_existing=True)).all()
        for row in rows:
            seal_row(vault, row, open_row(vault, row))
        return len(rows)
