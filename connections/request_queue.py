"""The queue of sync requests, as the other modules here use it within their own transactions.

What people and sensors call is in `requests`.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connections.errors import AccountStateError
from connections.models import Account, AccountStatus, RequestKind, RequestStatus, SyncRequest

ALONE = frozenset({RequestKind.FIRST_IMPORT, RequestKind.REIMPORT})
"""Kinds that read all of the history window: one run per account."""

OPEN = (RequestStatus.QUEUED, RequestStatus.CLAIMED, RequestStatus.RUNNING)


def queue_request(
    session: Session, account: Account, kind: RequestKind, *, now: datetime
) -> SyncRequest:
    """A new request at the end of the queue."""
    request = SyncRequest(
        account_id=account.account_id,
        kind=kind,
        status=RequestStatus.QUEUED,
        requested_at=now,
        not_before=now,
        attempt=1,
    )
    session.add(request)
    return request


def join_or_queue(
    session: Session,
    account: Account,
    kind: RequestKind,
    *,
    now: datetime,
    not_before: datetime | None = None,
) -> SyncRequest:
    """Join a request that still waits: its sync will see all that this one would.

    Args:
        session: in a transaction that holds the account's row.
        account: the account.
        kind: why a sync is wanted.
        now: the present.
        not_before: a new request waits until then; None = not at all.
    """
    waiting = session.scalar(
        select(SyncRequest)
        .where(
            SyncRequest.account_id == account.account_id,
            SyncRequest.kind == kind,
            SyncRequest.status == RequestStatus.QUEUED,
        )
        .limit(1)
    )
    if waiting is not None:
        return waiting
    request = queue_request(session, account, kind, now=now)
    request.not_before = not_before or now
    return request


def queue_first_import(session: Session, account: Account, *, now: datetime) -> SyncRequest:
    """The account's open first import, queued if there is none; a retry's waiting ends."""
    request = session.scalar(
        select(SyncRequest)
        .where(
            SyncRequest.account_id == account.account_id,
            SyncRequest.kind == RequestKind.FIRST_IMPORT,
            SyncRequest.status.in_(OPEN),
        )
        .order_by(SyncRequest.id)
        .with_for_update()
    )
    if request is None:
        return queue_request(session, account, RequestKind.FIRST_IMPORT, now=now)
    request.not_before = min(request.not_before, now)
    return request


def drop_open_requests(session: Session, account_id: str, reason: str, *, now: datetime) -> None:
    """Fail all open requests of an account that left."""
    session.execute(
        update(SyncRequest)
        .where(SyncRequest.account_id == account_id, SyncRequest.status.in_(OPEN))
        .values(status=RequestStatus.FAILED, finished_at=now, error=reason)
    )


def require_connected(account: Account) -> None:
    """Raise `AccountStateError` unless the account may be synced; says what to do."""
    if account.status is AccountStatus.CONNECTED:
        return
    remedy = {
        AccountStatus.PAUSED: "Resume it first.",
        AccountStatus.REVOKED: "Stripe withdrew the access: connect it again.",
        AccountStatus.DISCONNECTED: "Connect it again.",
    }[account.status]
    raise AccountStateError(f"The account {account.account_id} is {account.status}. {remedy}")


def requeue(session: Session, requests: Sequence[SyncRequest], *, not_before: datetime) -> None:
    """Back into the queue for another attempt, under a new claim."""
    for request in requests:
        request.status = RequestStatus.QUEUED
        request.attempt += 1
        request.not_before = not_before
        request.claim_id = request.claimed_at = request.run_id = request.started_at = None
    session.flush()
