"""What is being synced and what was: reading the records that `syncs` writes."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.engine import Engine

from connections.models import Account, SyncRequest, SyncRun
from connections.request_queue import OPEN
from connections.rows import account_row, transaction
from connections.sync_endings import unfinished


def unfinished_syncs(engine: Engine) -> list[SyncRun]:
    """What is being synced now, oldest first."""
    with transaction(engine) as session:
        return list(unfinished(session))


def syncs_of_run(engine: Engine, run_id: str) -> list[SyncRun]:
    """Each account's part of one run, by account id; unfinished ones have no `outcome`."""
    with transaction(engine) as session:
        query = select(SyncRun).where(SyncRun.run_id == run_id).order_by(SyncRun.account_id)
        return list(session.scalars(query))


def accounts_by_id(engine: Engine, account_ids: Collection[str]) -> dict[str, Account]:
    """These accounts, as they are now; unknown ids are absent."""
    with transaction(engine) as session:
        query = select(Account).where(Account.account_id.in_(account_ids))
        return {account.account_id: account for account in session.scalars(query)}


def last_syncs(engine: Engine, account_ids: Collection[str]) -> dict[str, SyncRun]:
    """The newest sync of each of these accounts, finished or not; one that has none is absent."""
    query = (
        select(SyncRun)
        .where(SyncRun.account_id.in_(account_ids))
        .ext(distinct_on(SyncRun.account_id))
        .order_by(SyncRun.account_id, SyncRun.started_at.desc())
    )
    with transaction(engine) as session:
        return {run.account_id: run for run in session.scalars(query)}


def open_requests(engine: Engine, account_ids: Collection[str]) -> dict[str, list[SyncRequest]]:
    """What these accounts wait for, oldest first; one that waits for nothing is absent."""
    query = (
        select(SyncRequest)
        .where(SyncRequest.account_id.in_(account_ids), SyncRequest.status.in_(OPEN))
        .order_by(SyncRequest.id)
    )
    found: dict[str, list[SyncRequest]] = defaultdict(list)
    with transaction(engine) as session:
        for request in session.scalars(query):
            found[request.account_id].append(request)
    return dict(found)


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
