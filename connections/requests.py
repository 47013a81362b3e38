"""Sync requests: asked for, counted against the quota, handed out (stub)."""

from dataclasses import dataclass
from datetime import datetime
from sqlalchemy.engine import Engine
from connections.models import RequestKind, SyncRequest


@dataclass(frozen=True, slots=True)
class Claim:
    """Requests handed out together, to be served by one run.

    Attributes:
        claim_id: stable until a run begins it: use it as Dagster's run key.
        kind: `first_import` and `reimport` come one account per claim; the rest come together.
        account_ids: whom to sync.
        priority: of the most important tier in it; smaller is earlier.
    """

    claim_id: str
    kind: RequestKind
    account_ids: tuple[str, ...]
    priority: int


def request_sync(
    engine: Engine,
    account_id: str,
    kind: RequestKind = RequestKind.MANUAL,
    *,
    now: datetime | None = None,
) -> SyncRequest:
    """Ask for a sync. A manual request of a never-imported account becomes its first import.

    Raises:
        QuotaExceededError: the day's manual requests are used up; has `next_possible_at`.
        UnknownAccountError, AccountStateError (paused, revoked, disconnected).
    """
    raise NotImplementedError


def claim_requests(
    engine: Engine, *, limit: int = 1000, now: datetime | None = None
) -> list[Claim]:
    """Hand out what is queued, and again every claim that no run has begun yet."""
    raise NotImplementedError
