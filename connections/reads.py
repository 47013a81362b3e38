"""The read ledger: how many requests each account has cost, beside what Stripe allows.

Every sync's requests are in `sync_runs`, retries and failures included; nothing is counted twice
or estimated here. Stripe allows 500 reads per transaction over 30 days and at least 10,000 a month
(docs/stripe.md, "Reading").
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Table, and_, bindparam, case, func, select, update
from sqlalchemy.engine import Engine

from connections.models import Account, SyncRun
from connections.rows import at, transaction

READS_PER_TRANSACTION = 500
LEAST_ALLOCATION = 10_000
WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Reads:
    """One account's reads.

    Attributes:
        account_id: the account.
        month: first day of the calendar month (UTC) that `in_month` is about.
        in_month: requests to Stripe in that month so far.
        in_30_days: requests in the last 30 days.
        unknown: syncs of the last 30 days that were killed before they could say their requests.
        transactions: successful payments in the last 30 days, as the last sync saw them; None
            before that is known, which counts as none.
    """

    account_id: str
    month: date
    in_month: int
    in_30_days: int
    unknown: int
    transactions: int | None

    @property
    def allocation(self) -> int:
        """Requests that Stripe allows in 30 days."""
        return max(LEAST_ALLOCATION, READS_PER_TRANSACTION * (self.transactions or 0))

    @property
    def left(self) -> int:
        """Requests that remain of the allocation, 0 if it is overdrawn."""
        return max(0, self.allocation - self.in_30_days)


def reads_of(
    engine: Engine, account_ids: Collection[str] | None = None, *, now: datetime | None = None
) -> dict[str, Reads]:
    """The reads of some accounts, or of all, by account id.

    A sync counts on the day on which it began, one that still runs with what it has said so far.

    Args:
        engine: the database.
        account_ids: whose; None = all. Unknown ids are absent from the answer.
        now: the present.
    """
    instant = at(now)
    month = instant.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    recent = instant - WINDOW
    over = SyncRun.finished_at.is_not(None)

    def total(condition: ColumnElement[bool], value: object) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, value), else_=0)), 0)

    query = (
        select(
            Account.account_id,
            Account.transactions_30_days,
            total(SyncRun.started_at >= month, func.coalesce(SyncRun.requests, 0)),
            total(SyncRun.started_at >= recent, func.coalesce(SyncRun.requests, 0)),
            total(and_(SyncRun.started_at >= recent, over, SyncRun.requests.is_(None)), 1),
        )
        .outerjoin(
            SyncRun,
            and_(
                SyncRun.account_id == Account.account_id, SyncRun.started_at >= min(month, recent)
            ),
        )
        .group_by(Account.account_id)
        .order_by(Account.account_id)
    )
    if account_ids is not None:
        query = query.where(Account.account_id.in_(account_ids))
    with transaction(engine) as session:
        return {
            account_id: Reads(
                account_id=account_id,
                month=month.date(),
                in_month=int(in_month),
                in_30_days=int(in_30_days),
                unknown=int(unknown),
                transactions=transactions,
            )
            for account_id, transactions, in_month, in_30_days, unknown in session.execute(query)
        }


def record_transactions(engine: Engine, counts: Mapping[str, int]) -> None:
    """Note how many successful payments accounts had in the last 30 days.

    Args:
        engine: the database.
        counts: account id → number; accounts that are not connected are left out.
    """
    if not counts:
        return
    accounts = Account.__table__
    assert isinstance(accounts, Table)  # noqa: S101 - SQLAlchemy's type is wider
    statement = (
        update(accounts)
        .where(accounts.c.account_id == bindparam("account"))
        .values(transactions_30_days=bindparam("transactions"))
    )
    rows = [{"account": each, "transactions": counts[each]} for each in sorted(counts)]
    with engine.begin() as connection:
        connection.execute(statement, rows)
