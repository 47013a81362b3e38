"""Sync requests: asked for, counted against the quota, handed out to runs, tried again.

What a run does with an account that it took is in `syncs`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from connections.days import checked_timezone, day_of, next_day_begins
from connections.errors import DashtrayError
from connections.history import most_days
from connections.models import (
    DEFAULT_HISTORY_DAYS,
    Account,
    AccountStatus,
    RequestKind,
    RequestStatus,
    SyncRequest,
    SyncRun,
)
from connections.request_queue import (
    ALONE,
    join_or_queue,
    queue_first_import,
    queue_request,
    requeue,
    require_connected,
)
from connections.rows import account_row, at, transaction
from connections.syncs import free_dead_syncs
from connections.tiers import Tier, get_tier
from connections.timing import retry_wait

CLAIM_LEASE = timedelta(minutes=15)
"""A claim that no run has begun for so long is handed out again."""

ALONE_AT_ONCE = 4
"""First imports and re-imports under way at once: two that run and two that may start next. More
would only wait in the orchestrator's queue, where nobody moves up."""

AGE_OF_ONE_PRIORITY = timedelta(minutes=1)
"""A request that waits so long is as urgent as one of a tier with one priority less."""


class QuotaExceededError(DashtrayError):
    """The account's manual syncs of the day are used up.

    Attributes:
        next_possible_at: when the next one is possible. UTC.
    """

    def __init__(self, message: str, next_possible_at: datetime) -> None:
        super().__init__(message)
        self.next_possible_at = next_possible_at


@dataclass(frozen=True, slots=True)
class Claim:
    """Requests handed out together, to be served by one run.

    Attributes:
        claim_id: stays the same until a run begins it: use it as Dagster's run key.
        kind: `first_import` and `reimport` come one account per claim; the rest come together,
            as `manual`.
        account_ids: whom to sync.
        priority: of the most important tier in it; smaller is earlier.
        history_days: the most days of payment history that one of them wants; None = all.
    """

    claim_id: str
    kind: RequestKind
    account_ids: tuple[str, ...]
    priority: int
    history_days: int | None = DEFAULT_HISTORY_DAYS


def request_sync(
    engine: Engine,
    account_id: str,
    kind: RequestKind = RequestKind.MANUAL,
    *,
    now: datetime | None = None,
) -> SyncRequest:
    """Ask for a sync.

    A manual request of an account that was never imported becomes its first import, which counts
    against no quota. Accepted manual requests count on the account's own day, whatever becomes of
    them; without a quota, a request joins one that still waits.

    Raises:
        QuotaExceededError: the day's manual requests are used up.
        UnknownAccountError: no such account.
        AccountStateError: it is paused, revoked or disconnected.
    """
    instant = at(now)
    with transaction(engine) as session:
        # The lock makes the count and the new row one step for this account.
        account = account_row(session, account_id, lock=True)
        require_connected(account)
        if account.first_import_finished_at is None:
            request = queue_first_import(session, account, now=instant)
        elif kind is RequestKind.MANUAL and get_tier(account.tier).manual_quota_per_day is not None:
            request = _within_quota(session, account, now=instant)
        else:
            request = join_or_queue(session, account, kind, now=instant)
        session.flush()
    # Raised outside, so that the refusal is recorded.
    if request.status is RequestStatus.REFUSED:
        raise _refusal(account, request, instant)
    return request


def count_manual_sync(engine: Engine, account_id: str, *, now: datetime | None = None) -> None:
    """Count a sync by hand that runs at once and not through the queue, such as a verification.

    Where the tier has a quota it counts as a request does; without one nothing is noted.

    Raises:
        QuotaExceededError: the day's manual requests are used up.
        UnknownAccountError: no such account.
        AccountStateError: it is paused, revoked or disconnected.
    """
    instant = at(now)
    with transaction(engine) as session:
        account = account_row(session, account_id, lock=True)
        require_connected(account)
        if get_tier(account.tier).manual_quota_per_day is None:
            return
        request = _within_quota(session, account, now=instant)
        if request.status is not RequestStatus.REFUSED:
            request.status, request.finished_at = RequestStatus.DONE, instant
        session.flush()
    if request.status is RequestStatus.REFUSED:
        raise _refusal(account, request, instant)


def manual_syncs_left(
    engine: Engine, account_id: str, *, now: datetime | None = None
) -> int | None:
    """How many manual requests the account still has today; None = no limit."""
    instant = at(now)
    with transaction(engine) as session:
        account = account_row(session, account_id)
        quota = get_tier(account.tier).manual_quota_per_day
        return None if quota is None else max(0, quota - _used(session, account, instant))


def claim_requests(
    engine: Engine,
    *,
    account_ids: Collection[str] | None = None,
    limit: int = 1000,
    now: datetime | None = None,
) -> list[Claim]:
    """Hand out what waits, and once more every claim that no run has begun yet.

    The answer repeats an unbegun claim under the same `claim_id`, so that a caller who crashed
    after asking loses nothing, and Dagster's run keys keep it from starting twice. Accounts being
    synced wait. A claim not begun within `CLAIM_LEASE` goes back to the queue.

    Args:
        engine: the database.
        account_ids: hand out only what these accounts asked for; None = all.
        limit: how many waiting requests to hand out at most.
        now: the present.
    """
    instant = at(now)
    free_dead_syncs(engine, now=instant)
    with transaction(engine) as session:
        requeue(
            session,
            session.scalars(
                select(SyncRequest)
                .where(
                    SyncRequest.status == RequestStatus.CLAIMED,
                    SyncRequest.claimed_at < instant - CLAIM_LEASE,
                )
                .with_for_update(skip_locked=True)
            ).all(),
            not_before=instant,
        )
        _claim_waiting(session, account_ids, limit=limit, now=instant)
        claims = _unbegun_claims(session)
    if account_ids is None:
        return claims
    return [claim for claim in claims if not set(account_ids).isdisjoint(claim.account_ids)]


def release_claim(engine: Engine, claim_id: str, *, now: datetime | None = None) -> None:
    """Put a claim back into the queue, as when its run failed before it began it.

    Each request waits longer with each attempt: what keeps runs from beginning may last.
    """
    instant = at(now)
    with transaction(engine) as session:
        query = (
            select(SyncRequest)
            .where(SyncRequest.claim_id == claim_id, SyncRequest.status == RequestStatus.CLAIMED)
            .with_for_update()
        )
        for request in session.scalars(query).all():
            requeue(session, [request], not_before=instant + retry_wait(request.attempt))


def request_waits(engine: Engine, *, now: datetime | None = None) -> bool:
    """Whether `claim_requests` may find something new. One query that changes nothing."""
    with transaction(engine) as session:
        query = (
            select(SyncRequest.id)
            .join(Account, Account.account_id == SyncRequest.account_id)
            .where(*_waiting(at(now)))
            .limit(1)
        )
        return session.scalar(query) is not None


def recent_requests(engine: Engine, account_id: str, *, limit: int = 20) -> list[SyncRequest]:
    """The account's last requests, newest first.

    Raises:
        UnknownAccountError: no such account.
    """
    with transaction(engine) as session:
        account_row(session, account_id)
        query = (
            select(SyncRequest)
            .where(SyncRequest.account_id == account_id)
            .order_by(SyncRequest.id.desc())
            .limit(limit)
        )
        return list(session.scalars(query))


def _within_quota(session: Session, account: Account, *, now: datetime) -> SyncRequest:
    quota = get_tier(account.tier).manual_quota_per_day
    request = queue_request(session, account, RequestKind.MANUAL, now=now)
    request.quota_day = day_of(now, checked_timezone(account.day_timezone))
    if quota is not None and _used(session, account, now) >= quota:
        request.status = RequestStatus.REFUSED
        request.finished_at = now
        request.error = "The day's manual syncs are used up."
    return request


def _used(session: Session, account: Account, now: datetime) -> int:
    with session.no_autoflush:  # the request being judged does not count itself
        count = session.scalar(
            select(func.count())
            .select_from(SyncRequest)
            .where(
                SyncRequest.account_id == account.account_id,
                SyncRequest.kind == RequestKind.MANUAL,
                SyncRequest.quota_day == day_of(now, checked_timezone(account.day_timezone)),
                SyncRequest.status != RequestStatus.REFUSED,
            )
        )
    return count or 0


def _refusal(account: Account, request: SyncRequest, now: datetime) -> QuotaExceededError:
    tier = get_tier(account.tier)
    zone = checked_timezone(account.day_timezone)
    again = next_day_begins(now, zone)
    return QuotaExceededError(
        f"The account {account.account_id} has used its {tier.manual_quota_per_day} manual syncs "
        f"of {request.quota_day} (tier {tier.name}). The next is possible at "
        f"{again.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}.",
        again,
    )


def _claim_waiting(
    session: Session, account_ids: Collection[str] | None, *, limit: int, now: datetime
) -> None:
    query = (
        select(SyncRequest, Account.tier)
        .join(Account, Account.account_id == SyncRequest.account_id)
        .where(*_waiting(now))
        .order_by(SyncRequest.requested_at, SyncRequest.id)
        .limit(limit)
        .with_for_update(of=SyncRequest, skip_locked=True)
    )
    if account_ids is not None:
        query = query.where(SyncRequest.account_id.in_(account_ids))
    waiting = sorted(
        session.execute(query).all(), key=lambda row: _urgency(row[0], get_tier(row[1]), now)
    )
    # Who asks for its own accounts runs them at once; the service keeps a queue for later comers.
    room = limit if account_ids is not None else ALONE_AT_ONCE - _alone_under_way(session)
    alone: dict[str, str] = {}
    for request, _ in waiting:
        if request.kind in ALONE and request.account_id not in alone and len(alone) < room:
            alone[request.account_id] = f"{request.kind}-{uuid4().hex}"
    together = f"{RequestKind.MANUAL}-{uuid4().hex}"
    for request, _ in waiting:
        if request.kind in ALONE and request.account_id not in alone:
            continue
        request.status = RequestStatus.CLAIMED
        # A reading of the whole history serves every other wish of the same account too.
        request.claim_id = alone.get(request.account_id, together)
        request.claimed_at = now
    session.flush()


def _urgency(request: SyncRequest, tier: Tier, now: datetime) -> tuple[float, int]:
    """By tier, but whoever waits moves up: no tier's stream of requests can starve another's."""
    return tier.priority - (now - request.requested_at) / AGE_OF_ONE_PRIORITY, request.id


def _alone_under_way(session: Session) -> int:
    count = session.scalar(
        select(func.count(SyncRequest.account_id.distinct())).where(
            SyncRequest.kind.in_(ALONE),
            SyncRequest.status.in_((RequestStatus.CLAIMED, RequestStatus.RUNNING)),
        )
    )
    return count or 0


def _waiting(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """What a request, joined with its account, must be to be handed out."""
    being_synced = exists().where(
        SyncRun.account_id == SyncRequest.account_id, SyncRun.finished_at.is_(None)
    )
    return (
        SyncRequest.status == RequestStatus.QUEUED,
        SyncRequest.not_before <= now,
        Account.status == AccountStatus.CONNECTED,
        ~being_synced,
    )


def _unbegun_claims(session: Session) -> list[Claim]:
    rows = session.execute(
        select(
            SyncRequest.claim_id,
            SyncRequest.kind,
            SyncRequest.account_id,
            Account.tier,
            Account.history_days,
        )
        .join(Account, Account.account_id == SyncRequest.account_id)
        .where(SyncRequest.status == RequestStatus.CLAIMED)
        .order_by(SyncRequest.id)
    ).all()
    kinds: dict[str, RequestKind] = {}
    accounts: dict[str, dict[str, int]] = {}
    history: dict[str, list[int | None]] = {}
    for claim_id, kind, account_id, tier, history_days in rows:
        if claim_id is None:
            continue
        kinds.setdefault(claim_id, RequestKind.MANUAL)
        if kind in ALONE:
            kinds[claim_id] = kind
        accounts.setdefault(claim_id, {})[account_id] = get_tier(tier).priority
        history.setdefault(claim_id, []).append(history_days)
    claims = [
        Claim(
            claim_id,
            kinds[claim_id],
            tuple(members),
            min(members.values()),
            most_days(history[claim_id]),
        )
        for claim_id, members in accounts.items()
    ]
    return sorted(claims, key=lambda claim: claim.priority)
