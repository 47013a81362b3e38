"""Syncs: who is due, who is being synced, how it ended (stub)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from sqlalchemy.engine import Engine
from connections.models import Account, RequestKind, SyncOutcome, SyncRun


@dataclass(frozen=True, slots=True)
class Begun:
    """What `begin_sync` took.

    Attributes:
        accounts: those that this run must now sync, and `record_outcome` for each.
        skipped: account id → why not (being synced by another run, not connected).
    """

    accounts: tuple[Account, ...]
    skipped: dict[str, str]


def due_accounts(engine: Engine, tier: str, *, now: datetime | None = None) -> list[Account]:
    """Connected, imported, not being synced, and not attempted yet in the current time slot."""
    raise NotImplementedError


def begin_sync(
    engine: Engine,
    run_id: str,
    account_ids: Iterable[str],
    kind: RequestKind,
    *,
    claim_id: str | None = None,
    now: datetime | None = None,
) -> Begun:
    """Take accounts exclusively for a run; frees those that a dead process held."""
    raise NotImplementedError


def record_outcome(
    engine: Engine,
    run_id: str,
    account_id: str,
    outcome: SyncOutcome,
    *,
    rows: int = 0,
    requests: int = 0,
    error: str | None = None,
    now: datetime | None = None,
) -> None:
    """End one account's sync: ok, failed (tried again later) or revoked (tokens deleted)."""
    raise NotImplementedError


def free_runs(
    engine: Engine, run_ids: Collection[str], *, now: datetime | None = None
) -> list[str]:
    """Free the accounts of runs that are known to be dead (by Dagster); returns account ids."""
    raise NotImplementedError


def unfinished_syncs(engine: Engine) -> list[SyncRun]:
    """What is being synced now."""
    raise NotImplementedError


def sync_history(engine: Engine, account_id: str, *, limit: int = 20) -> list[SyncRun]:
    """The last syncs of one account, newest first."""
    raise NotImplementedError
