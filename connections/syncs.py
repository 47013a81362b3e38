"""Syncs: who is due, who is being synced by which run, and how it ended.

The state of one account's sync: `begin_sync` → (work) → `record_outcome`. At most one run holds an
account; Postgres enforces that with a unique index.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from connections.accounts import mark_revoked
from connections.errors import AccountStateError
from connections.models import (
    Account,
    AccountStatus,
    RequestKind,
    RequestStatus,
    SyncOutcome,
    SyncRequest,
    SyncRun,
)
from connections.owners import is_dead, this_process
from connections.request_queue import ALONE, requeue, require_connected
from connections.rows import account_row, at, transaction
from connections.tiers import get_tier
from connections.timing import is_due, retry_wait

MAX_SYNC_AGE = timedelta(hours=12)
"""A sync older than this is held to be dead, wherever its process was."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What `begin_sync` took.

    Attributes:
        accounts: those that the run must now sync, with `record_outcome` for each.
        skipped: account id → why not: another run has it, it is not connected, its request was
            served already.
    """

    accounts: tuple[Account, ...]
    skipped: dict[str, str]


def due_accounts(engine: Engine, tier: str, *, now: datetime | None = None) -> list[Account]:
    """The accounts that this tier's tick should sync, those waiting longest first.

    Connected, imported once, held by no run, and due by `is_due`. A tier without a cadence has
    none.

    Raises:
        UnknownTierError: no such tier.
    """
    cadence = get_tier(tier).cadence
    instant = at(now)
    if cadence is None:
        return []
    free_dead_syncs(engine, now=instant)
    held = select(SyncRun.account_id).where(SyncRun.finished_at.is_(None))
    query = (
        select(Account)
        .where(
            Account.tier == tier,
            Account.status == AccountStatus.CONNECTED,
            Account.first_import_finished_at.is_not(None),
            Account.account_id.not_in(held),
        )
        .order_by(Account.last_attempt_at.nulls_first(), Account.account_id)
    )
    with transaction(engine) as session:
        return [
            account
            for account in session.scalars(query)
            if is_due(
                now=instant,
                cadence=cadence,
                last_attempt=account.last_attempt_at,
                failures=account.consecutive_failures,
            )
        ]


def begin_sync(
    engine: Engine,
    run_id: str,
    account_ids: Iterable[str],
    kind: RequestKind,
    *,
    claim_id: str | None = None,
    now: datetime | None = None,
) -> Begun:
    """Take accounts for a run, exclusively, and all requests that this sync will serve.

    An account held by a process that died is freed first. Asking again in the same run gives the
    same accounts, so that a step can be retried.

    Args:
        engine: the database.
        run_id: Dagster's run id.
        account_ids: whom to take.
        kind: why. `first_import` and `reimport` serve every request of the account, the others
            all but those two.
        claim_id: the claim being served; accounts whose request is no longer in it are skipped.
        now: the present.
    """
    instant = at(now)
    wanted = sorted(set(account_ids))
    begun: list[Account] = []
    skipped: dict[str, str] = {}
    with transaction(engine) as session:
        rows = {
            account.account_id: account
            # In one order everywhere, so that two runs cannot wait for each other.
            for account in session.scalars(
                select(Account)
                .where(Account.account_id.in_(wanted))
                .order_by(Account.account_id)
                .with_for_update()
            )
        }
        for account_id in wanted:
            account = rows.get(account_id)
            reason = (
                "there is no such account"
                if account is None
                else _take(session, account, run_id, kind, claim_id, instant)
            )
            if account is None or reason:
                skipped[account_id] = reason or ""
                _give_back(session, account_id, claim_id, instant)
            else:
                begun.append(account)
    return Begun(tuple(begun), skipped)


def record_outcome(
    engine: Engine,
    run_id: str,
    account_id: str,
    outcome: SyncOutcome,
    *,
    rows: int | None = None,
    requests: int | None = None,
    error: str | None = None,
    now: datetime | None = None,
) -> bool:
    """End one account's sync.

    `ok` ends its requests. `failed` fails them, but a first import or a re-import goes back to the
    queue with a growing wait; it never disconnects. `revoked` deletes the tokens and stops the
    schedule.

    Args:
        engine: the database.
        run_id: the run that took the account.
        account_id: the account.
        outcome: how it ended.
        rows: rows landed; None leaves what `record_reading` noted.
        requests: calls to Stripe; likewise.
        error: one line for people; no secrets.
        now: the present.

    Returns:
        False when the run does not hold the account (ended before, or freed as dead).

    Raises:
        UnknownAccountError: no such account.
    """
    instant = at(now)
    with transaction(engine) as session:
        account = account_row(session, account_id, lock=True)
        run = session.get(SyncRun, (run_id, account_id))
        if run is None or run.finished_at is not None:
            return False
        _note_reading(run, rows, requests)
        _end(session, account, run, outcome, error, instant)
        return True


def record_reading(
    engine: Engine, run_id: str, account_id: str, *, rows: int, requests: int
) -> None:
    """Note what reading Stripe brought and cost, while the sync goes on.

    Args:
        engine: the database.
        run_id: the run that took the account.
        account_id: the account.
        rows: rows landed.
        requests: calls to Stripe.
    """
    with transaction(engine) as session:
        run = session.get(SyncRun, (run_id, account_id))
        if run is not None and run.finished_at is None:
            _note_reading(run, rows, requests)


def free_dead_syncs(engine: Engine, *, now: datetime | None = None) -> list[str]:
    """Free the accounts whose process died on this machine or that are held for too long.

    Returns:
        The account ids freed.
    """
    instant = at(now)
    with transaction(engine) as session:
        dead = [run for run in _unfinished(session) if _is_dead(run, instant)]
        return _free(session, dead, _DIED, instant)


def free_runs(
    engine: Engine,
    run_ids: Collection[str],
    *,
    error: str | None = None,
    now: datetime | None = None,
) -> list[str]:
    """Free the accounts of runs that are known to be over (as Dagster tells), as failed.

    Args:
        engine: the database.
        run_ids: the runs.
        error: why, one line for people; that the process died, when None.
        now: the present.

    Returns:
        The account ids freed.
    """
    with transaction(engine) as session:
        over = [run for run in _unfinished(session) if run.run_id in run_ids]
        return _free(session, over, error or _DIED, at(now))


def unfinished_syncs(engine: Engine) -> list[SyncRun]:
    """What is being synced now, oldest first."""
    with transaction(engine) as session:
        return list(_unfinished(session))


def syncs_of_run(engine: Engine, run_id: str) -> list[SyncRun]:
    """Each account's part of one run, by account id; unfinished ones have no `outcome`."""
    with transaction(engine) as session:
        query = select(SyncRun).where(SyncRun.run_id == run_id).order_by(SyncRun.account_id)
        return list(session.scalars(query))


def sync_history(engine: Engine, account_id: str, *, limit: int = 20) -> list[SyncRun]:
    """The last syncs of one account, newest first.

    Raises:
        UnknownAccountError: no such account.
    """
    with transaction(engine) as session:
        account_row(session, account_id)
        query = (
            select(SyncRun)
            .where(SyncRun.account_id == account_id)
            .order_by(SyncRun.started_at.desc())
            .limit(limit)
        )
        return list(session.scalars(query))


def _take(
    session: Session,
    account: Account,
    run_id: str,
    kind: RequestKind,
    claim_id: str | None,
    now: datetime,
) -> str | None:
    """Take one locked account; returns why not, or None."""
    try:
        require_connected(account)
    except AccountStateError as error:
        return str(error)
    holder = session.scalar(
        select(SyncRun).where(
            SyncRun.account_id == account.account_id, SyncRun.finished_at.is_(None)
        )
    )
    if holder is not None and holder.run_id != run_id:
        if not _is_dead(holder, now):
            return f"the run {holder.run_id} is syncing it since {holder.started_at:%H:%M:%S} UTC"
        _end(session, account, holder, SyncOutcome.FAILED, _DIED, now)
        session.flush()  # its row must be finished before the next one may begin
    requests = _servable(session, account, kind)
    if claim_id is not None and holder is None and not any(
        request.claim_id == claim_id for request in requests
    ):  # fmt: skip
        return "its request was served by another run"
    _open_run(session, account, run_id, kind, now)
    for request in requests:
        request.status, request.run_id, request.started_at = RequestStatus.RUNNING, run_id, now
    account.last_attempt_at = now
    session.flush()
    return None


def _give_back(session: Session, account_id: str, claim_id: str | None, now: datetime) -> None:
    """What this claim asked of an account that it did not get waits for its turn again."""
    if claim_id is None:
        return
    query = (
        select(SyncRequest)
        .where(
            SyncRequest.account_id == account_id,
            SyncRequest.claim_id == claim_id,
            SyncRequest.status == RequestStatus.CLAIMED,
        )
        .with_for_update()
    )
    requeue(session, session.scalars(query).all(), not_before=now)


def _open_run(
    session: Session, account: Account, run_id: str, kind: RequestKind, now: datetime
) -> None:
    run = session.get(SyncRun, (run_id, account.account_id))
    if run is None:
        run = SyncRun(run_id=run_id, account_id=account.account_id)
        session.add(run)
    run.kind, run.owner, run.started_at = kind, this_process(), now
    run.finished_at = run.outcome = run.error = None


def _note_reading(run: SyncRun, rows: int | None, requests: int | None) -> None:
    if rows is not None:
        run.rows = rows
    if requests is not None:
        run.requests = requests


def _servable(session: Session, account: Account, kind: RequestKind) -> Sequence[SyncRequest]:
    query = (
        select(SyncRequest)
        .where(
            SyncRequest.account_id == account.account_id,
            SyncRequest.status.in_((RequestStatus.QUEUED, RequestStatus.CLAIMED)),
        )
        .with_for_update()
    )
    if kind not in ALONE:
        query = query.where(SyncRequest.kind.not_in(ALONE))
    return session.scalars(query).all()


_DIED = "The process that synced it ended without a word (killed, or the machine went down)."


def _end(
    session: Session,
    account: Account,
    run: SyncRun,
    outcome: SyncOutcome,
    error: str | None,
    now: datetime,
) -> None:
    run.finished_at, run.outcome, run.error = now, outcome, error
    if outcome is SyncOutcome.REVOKED and account.connected_at > run.started_at:
        # What was withdrawn is the former access; it has been connected again meanwhile.
        outcome = run.outcome = SyncOutcome.FAILED
    account.last_error = error
    if outcome is SyncOutcome.OK:
        account.last_success_at = now
        account.consecutive_failures = 0
        account.first_import_finished_at = account.first_import_finished_at or now
    else:
        account.consecutive_failures += 1
    served = session.scalars(
        select(SyncRequest)
        .where(
            SyncRequest.account_id == account.account_id,
            SyncRequest.run_id == run.run_id,
            SyncRequest.status == RequestStatus.RUNNING,
        )
        .with_for_update()
    ).all()
    for request in served:
        _end_request(session, request, outcome, error, now)
    if outcome is SyncOutcome.REVOKED:
        mark_revoked(session, account, error or "Stripe withdrew the access.", now=now)


def _end_request(
    session: Session,
    request: SyncRequest,
    outcome: SyncOutcome,
    error: str | None,
    now: datetime,
) -> None:
    request.error = error
    if outcome is SyncOutcome.FAILED and request.kind in ALONE:
        requeue(session, [request], not_before=now + retry_wait(request.attempt))
        return
    request.finished_at = now
    request.status = RequestStatus.DONE if outcome is SyncOutcome.OK else RequestStatus.FAILED


def _unfinished(session: Session) -> Sequence[SyncRun]:
    query = select(SyncRun).where(SyncRun.finished_at.is_(None)).order_by(SyncRun.started_at)
    return session.scalars(query).all()


def _is_dead(run: SyncRun, now: datetime) -> bool:
    return is_dead(run.owner) or now - run.started_at > MAX_SYNC_AGE


def _free(session: Session, runs: Sequence[SyncRun], error: str, now: datetime) -> list[str]:
    freed = []
    for run in sorted(runs, key=lambda run: run.account_id):
        account = account_row(session, run.account_id, lock=True)
        session.refresh(run)
        if run.finished_at is None:
            _end(session, account, run, SyncOutcome.FAILED, error, now)
            freed.append(run.account_id)
    return freed
