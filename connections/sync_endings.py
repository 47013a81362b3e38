"""How syncs end, and which are held to be dead: steps within the transactions of `syncs`.

Everything here works on any number of accounts with a fixed number of queries: a tick ends
thousands at once. Not part of the public API.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from connections.accounts import mark_revoked
from connections.models import Account, RequestStatus, SyncOutcome, SyncRequest, SyncRun
from connections.owners import is_dead
from connections.request_queue import ALONE, requeue
from connections.timing import retry_wait

MAX_SYNC_AGE = timedelta(hours=12)
"""A sync older than this is held to be dead, wherever its process was."""

DIED = "The process that synced it ended without a word (killed, or the machine went down)."


def unfinished(session: Session) -> Sequence[SyncRun]:
    """What is being synced now, oldest first."""
    query = select(SyncRun).where(SyncRun.finished_at.is_(None)).order_by(SyncRun.started_at)
    return session.scalars(query).all()


def is_dead_sync(run: SyncRun, now: datetime) -> bool:
    """Whether nobody works on it any more, as far as can be known here."""
    return is_dead(run.owner) or now - run.started_at > MAX_SYNC_AGE


def locked_accounts(session: Session, account_ids: Sequence[str]) -> dict[str, Account]:
    """The accounts by id, held for this transaction alone and read afresh."""
    query = (
        select(Account)
        .where(Account.account_id.in_(account_ids))
        # In one order everywhere, so that two transactions cannot wait for each other.
        .order_by(Account.account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {account.account_id: account for account in session.scalars(query)}


def free(session: Session, runs: Sequence[SyncRun], error: str, now: datetime) -> list[str]:
    """End syncs as failed unless they have ended meanwhile; returns the account ids freed."""
    if not runs:
        return []
    accounts = locked_accounts(session, [run.account_id for run in runs])
    ended = []
    for run in sorted(runs, key=lambda run: run.account_id):
        session.refresh(run)
        if run.finished_at is None:
            ended.append(run)
    end(session, accounts, ended, SyncOutcome.FAILED, error, now)
    return [run.account_id for run in ended]


def end(
    session: Session,
    accounts: dict[str, Account],
    runs: Sequence[SyncRun],
    outcome: SyncOutcome,
    error: str | None,
    now: datetime,
) -> None:
    """End syncs and the requests that they serve.

    Args:
        session: in a transaction that holds the accounts' rows.
        accounts: by id.
        runs: unfinished ones, at most one per account.
        outcome: how all of them ended.
        error: one line for people; no secrets.
        now: the present.
    """
    if not runs:
        return
    served = _served(session, runs)
    for run in runs:
        _end_one(
            session, accounts[run.account_id], run, served[run.account_id], outcome, error, now
        )


def seen(account: Account, now: datetime) -> None:
    """The account's newest numbers can be seen."""
    account.last_success_at = now
    account.first_import_finished_at = account.first_import_finished_at or now


def _served(session: Session, runs: Sequence[SyncRun]) -> dict[str, list[SyncRequest]]:
    query = (
        select(SyncRequest)
        .where(
            SyncRequest.run_id.in_({run.run_id for run in runs}),
            SyncRequest.account_id.in_([run.account_id for run in runs]),
            SyncRequest.status == RequestStatus.RUNNING,
        )
        .with_for_update()
    )
    served: dict[str, list[SyncRequest]] = defaultdict(list)
    run_ids = {run.account_id: run.run_id for run in runs}
    for request in session.scalars(query):
        if request.run_id == run_ids[request.account_id]:
            served[request.account_id].append(request)
    return served


def _end_one(
    session: Session,
    account: Account,
    run: SyncRun,
    served: Sequence[SyncRequest],
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
        account.consecutive_failures = 0
    else:
        account.consecutive_failures += 1
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
