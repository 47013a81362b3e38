"""What sweeps found: recorded per account and stream, and asked for by alerts and people.

How a sweep compares is in `dlt_sources`; here is only what became of it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.engine import Engine

from connections.models import SyncRun, Verification
from connections.rows import transaction

_SAME_SYNC = and_(
    SyncRun.run_id == Verification.run_id, SyncRun.account_id == Verification.account_id
)
# Stripe's clock counts whole seconds, and a simulated one may stand still: of two sweeps of one
# moment the one that began later is the newer.
_BEGAN = func.coalesce(SyncRun.started_at, Verification.verified_at)


@dataclass(frozen=True, slots=True)
class AccountVerification:
    """The streams of one account as one sweep found them.

    Attributes:
        account_id: the account.
        run_id: the run that swept.
        verified_at: by Stripe's clock.
        streams: one row per stream that was looked at, by name.
    """

    account_id: str
    run_id: str
    verified_at: datetime
    streams: tuple[Verification, ...]

    @property
    def found(self) -> int:
        """Objects that differed from Stripe's."""
        return sum(stream.found for stream in self.streams)

    @property
    def remaining(self) -> int:
        """Objects that differ still, because nothing was repaired."""
        return sum(stream.remaining for stream in self.streams)

    @property
    def covered_percent(self) -> int:
        """Share of the account's objects that was compared, in whole percent, rounded down."""
        scope = sum(stream.scope for stream in self.streams)
        looked_at = sum(stream.compared + stream.moving for stream in self.streams)
        return 100 if not scope else min(100, 100 * looked_at // scope)


def record_verification(engine: Engine, rows: Sequence[Verification]) -> None:
    """Keep what a sweep found; a step that is tried again replaces what it found before."""
    with transaction(engine) as session:
        for row in rows:
            session.merge(row)


def last_verifications(
    engine: Engine, account_ids: Collection[str] | None = None
) -> dict[str, AccountVerification]:
    """Each account's newest sweep, by account id; accounts never swept are absent.

    Args:
        engine: the database.
        account_ids: whose; None = all.
    """
    newest = select(
        Verification,
        func.dense_rank()
        .over(
            partition_by=Verification.account_id,
            order_by=(Verification.verified_at.desc(), _BEGAN.desc(), Verification.run_id),
        )
        .label("age"),
    ).outerjoin(SyncRun, _SAME_SYNC)
    if account_ids is not None:
        newest = newest.where(Verification.account_id.in_(account_ids))
    found = newest.subquery()
    query = (
        select(Verification)
        .join(
            found,
            (found.c.run_id == Verification.run_id)
            & (found.c.account_id == Verification.account_id)
            & (found.c.stream == Verification.stream),
        )
        .where(found.c.age == 1)
        .order_by(Verification.account_id, Verification.stream)
    )
    with transaction(engine) as session:
        rows = session.scalars(query).all()
    return {
        account_id: AccountVerification(
            account_id,
            rows_of[0].run_id,
            rows_of[0].verified_at,
            tuple(rows_of),
        )
        for account_id, rows_of in _by_account(rows).items()
    }


def verifications_of_run(engine: Engine, run_id: str) -> dict[str, AccountVerification]:
    """What one run found, by account id."""
    query = (
        select(Verification)
        .where(Verification.run_id == run_id)
        .order_by(Verification.account_id, Verification.stream)
    )
    with transaction(engine) as session:
        rows = session.scalars(query).all()
    return {
        account_id: AccountVerification(
            account_id, run_id, max(row.verified_at for row in rows_of), tuple(rows_of)
        )
        for account_id, rows_of in _by_account(rows).items()
    }


def sweep_positions(
    engine: Engine, account_ids: Collection[str]
) -> dict[str, dict[str, tuple[datetime, int | None]]]:
    """Where each stream's last sweep was and ended: what a sweep by parts goes on from.

    Returns:
        Account id → stream → when it was last looked at, and the `created` (unix seconds) at
        which its next part begins; None if it was read to its end.
    """
    query = (
        select(Verification)
        .outerjoin(SyncRun, _SAME_SYNC)
        .where(Verification.account_id.in_(account_ids))
        .ext(distinct_on(Verification.account_id, Verification.stream))
        .order_by(
            Verification.account_id,
            Verification.stream,
            Verification.verified_at.desc(),
            _BEGAN.desc(),
        )
    )
    positions: dict[str, dict[str, tuple[datetime, int | None]]] = {}
    with transaction(engine) as session:
        for row in session.scalars(query):
            stream = positions.setdefault(row.account_id, {})
            stream[row.stream] = (row.verified_at, row.resume_at)
    return positions


def _by_account(rows: Sequence[Verification]) -> Mapping[str, list[Verification]]:
    grouped: dict[str, list[Verification]] = {}
    for row in rows:
        grouped.setdefault(row.account_id, []).append(row)
    return grouped
