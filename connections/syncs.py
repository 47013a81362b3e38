"""Syncs: taking accounts for a run, and saying how it ended.

The state of one account's sync: `begin_sync` → `record_readings` → `record_loaded` →
`record_built` → `record_published`, or at any point `record_outcome` with what went wrong. At most
one run holds an account; Postgres enforces that with a unique index.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from connections.errors import AccountStateError
from connections.models import (
    Account,
    RequestKind,
    RequestStatus,
    SyncOutcome,
    SyncRequest,
    SyncRun,
)
from connections.owners import this_process
from connections.request_queue import ALONE, requeue, require_connected
from connections.rows import account_row, at, transaction
from connections.sync_endings import (
    DIED,
    end,
    free,
    is_dead_sync,
    locked_accounts,
    seen,
    unfinished,
)


@dataclass(frozen=True, slots=True)
class Begun:
    """What `begin_sync` took.

    Attributes:
        accounts: those that the run must now sync, with an outcome for each.
        skipped: account id → why not: another run has it, it is not connected, its request was
            served already.
    """

    accounts: tuple[Account, ...]
    skipped: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading Stripe brought and cost, for one account.

    Attributes:
        rows: rows landed.
        requests: calls to Stripe that have not been noted yet; they add up.
    """

    rows: int
    requests: int


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
    same accounts, so that a step can be retried. The number of queries does not grow with the
    number of accounts.

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
        accounts = locked_accounts(session, wanted)
        taking = _Taking.of(session, accounts, run_id, kind, claim_id, instant)
        for account_id in wanted:
            account = accounts.get(account_id)
            reason = "there is no such account" if account is None else taking.take(account)
            if account is None or reason:
                skipped[account_id] = reason or ""
            else:
                begun.append(account)
        taking.give_back(skipped)
    return Begun(tuple(begun), skipped)


def record_readings(engine: Engine, run_id: str, readings: Mapping[str, Reading]) -> None:
    """Note what reading Stripe brought and cost, while the syncs go on.

    Args:
        engine: the database.
        run_id: the run that took the accounts.
        readings: by account id.
    """
    with transaction(engine) as session:
        query = select(SyncRun).where(SyncRun.run_id == run_id, SyncRun.finished_at.is_(None))
        for run in session.scalars(query):
            if reading := readings.get(run.account_id):
                run.rows = reading.rows
                # A step that is tried again under the same run has asked Stripe twice.
                run.requests = (run.requests or 0) + reading.requests


def record_handed_over(engine: Engine, run_id: str, *, now: datetime | None = None) -> list[str]:
    """End the syncs of a run that only read: another run loads and publishes what it brought.

    The accounts are free again, and fresh only when `record_published` says so.

    Returns:
        The account ids.
    """
    instant = at(now)
    with transaction(engine) as session:
        runs = [run for run in unfinished(session) if run.run_id == run_id]
        accounts = locked_accounts(session, [run.account_id for run in runs])
        end(session, accounts, runs, SyncOutcome.OK, None, instant)
        return [run.account_id for run in runs]


def record_loaded(engine: Engine, run_ids: Collection[str], *, now: datetime | None = None) -> None:
    """Note that the rows of these runs are in the warehouse.

    They are not always the rows of the run that asks: a load completes what killed runs left.
    """
    with transaction(engine) as session:
        session.execute(
            update(SyncRun)
            .where(
                SyncRun.run_id.in_(run_ids),
                SyncRun.loaded_at.is_(None),
                # What failed to be read has brought nothing.
                SyncRun.rows.is_not(None),
            )
            .values(loaded_at=at(now))
        )


def record_built(engine: Engine, *, loaded_before: datetime, now: datetime | None = None) -> None:
    """Note that the models contain what was loaded before the build began.

    Args:
        engine: the database.
        loaded_before: when the build began; the caller has held the writer's lock since.
        now: the present.
    """
    with transaction(engine) as session:
        session.execute(
            update(SyncRun)
            .where(SyncRun.loaded_at <= loaded_before, SyncRun.built_at.is_(None))
            .values(built_at=at(now))
        )


def record_published(engine: Engine, *, now: datetime | None = None) -> list[SyncRun]:
    """Everything built can be seen now: end those syncs as ok; their accounts are fresh.

    Returns:
        The syncs whose numbers can be seen from now on, by account id; also those of earlier
        runs that were ended before their rows were published.
    """
    instant = at(now)
    query = (
        select(SyncRun)
        .where(SyncRun.built_at.is_not(None), SyncRun.published_at.is_(None))
        .order_by(SyncRun.account_id, SyncRun.started_at)
    )
    with transaction(engine) as session:
        account_ids = {run.account_id for run in session.scalars(query)}
        accounts = locked_accounts(session, sorted(account_ids))
        runs = [
            run
            for run in session.scalars(query.execution_options(populate_existing=True))
            if run.account_id in accounts
        ]
        open_runs = [run for run in runs if run.finished_at is None]
        end(session, accounts, open_runs, SyncOutcome.OK, None, instant)
        for run in runs:
            run.published_at = instant
            seen(accounts[run.account_id], instant)
        return runs


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
        rows: rows landed; None leaves what `record_readings` noted.
        requests: calls to Stripe that have not been noted yet; they add up.
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
        run.rows = run.rows if rows is None else rows
        if requests is not None:
            run.requests = (run.requests or 0) + requests
        end(session, {account_id: account}, [run], outcome, error, instant)
        if run.outcome is SyncOutcome.OK:
            seen(account, instant)
        return True


def free_dead_syncs(engine: Engine, *, now: datetime | None = None) -> list[str]:
    """Free the accounts whose process died on this machine or that are held for too long.

    Returns:
        The account ids freed.
    """
    instant = at(now)
    with transaction(engine) as session:
        dead = [run for run in unfinished(session) if is_dead_sync(run, instant)]
        return free(session, dead, DIED, instant)


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
        over = [run for run in unfinished(session) if run.run_id in run_ids]
        return free(session, over, error or DIED, at(now))


def mark_shown(engine: Engine, account_ids: Collection[str], *, at: datetime | None) -> None:
    """Note when the orchestrator last wrote an event about accounts; None = write the next one."""
    with transaction(engine) as session:
        session.execute(
            update(Account).where(Account.account_id.in_(account_ids)).values(shown_at=at)
        )


@dataclass
class _Taking:
    """One `begin_sync`: what it read beforehand about all the accounts that it wants."""

    session: Session
    run_id: str
    kind: RequestKind
    claim_id: str | None
    now: datetime
    accounts: dict[str, Account]
    holders: dict[str, SyncRun] = field(default_factory=dict)
    own: dict[str, SyncRun] = field(default_factory=dict)
    requests: dict[str, list[SyncRequest]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(
        cls,
        session: Session,
        accounts: dict[str, Account],
        run_id: str,
        kind: RequestKind,
        claim_id: str | None,
        now: datetime,
    ) -> "_Taking":
        taking = cls(session, run_id, kind, claim_id, now, accounts)
        for run in session.scalars(
            select(SyncRun).where(
                SyncRun.account_id.in_(accounts),
                SyncRun.finished_at.is_(None) | (SyncRun.run_id == run_id),
            )
        ):
            if run.finished_at is None:
                taking.holders[run.account_id] = run
            if run.run_id == run_id:
                taking.own[run.account_id] = run
        taking.read_requests()
        return taking

    def read_requests(self) -> None:
        query = (
            select(SyncRequest)
            .where(
                SyncRequest.account_id.in_(self.accounts),
                SyncRequest.status.in_((RequestStatus.QUEUED, RequestStatus.CLAIMED)),
            )
            .with_for_update()
        )
        self.requests.clear()
        for request in self.session.scalars(query):
            self.requests[request.account_id].append(request)

    def take(self, account: Account) -> str | None:
        """Take one account; returns why not, or None."""
        try:
            require_connected(account)
        except AccountStateError as error:
            return str(error)
        holder = self.holders.get(account.account_id)
        if holder is not None and holder.run_id != self.run_id:
            if not is_dead_sync(holder, self.now):
                since = f"{holder.started_at:%H:%M:%S} UTC"
                return f"the run {holder.run_id} is syncing it since {since}"
            end(self.session, self.accounts, [holder], SyncOutcome.FAILED, DIED, self.now)
            self.session.flush()  # its row must be finished before the next one may begin
            # What the dead one was serving waits again, and is served now.
            self.read_requests()
        served = [
            request
            for request in self.requests[account.account_id]
            if self.kind in ALONE or request.kind not in ALONE
        ]
        in_claim = any(request.claim_id == self.claim_id for request in served)
        if self.claim_id is not None and holder is None and not in_claim:
            return "its request was served by another run"
        self._open_run(account)
        for request in served:
            request.status, request.run_id = RequestStatus.RUNNING, self.run_id
            request.started_at = self.now
        account.last_attempt_at = self.now
        return None

    def give_back(self, account_ids: Collection[str]) -> None:
        """What the claim asked of accounts that it did not get waits for its turn again."""
        if self.claim_id is None:
            return
        requests = [
            request
            for account_id in account_ids
            for request in self.requests[account_id]
            if request.claim_id == self.claim_id and request.status is RequestStatus.CLAIMED
        ]
        requeue(self.session, requests, not_before=self.now)

    def _open_run(self, account: Account) -> None:
        run = self.own.get(account.account_id)
        if run is None:
            run = SyncRun(run_id=self.run_id, account_id=account.account_id)
            self.session.add(run)
        run.kind, run.owner, run.started_at = self.kind, this_process(), self.now
        run.finished_at = run.outcome = run.error = None
        run.loaded_at = run.built_at = run.published_at = None
