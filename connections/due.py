"""Who is due, and who is late, by the table of tiers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.engine import Engine

from connections.models import Account, AccountStatus, SyncRun
from connections.rows import at, transaction
from connections.syncs import free_dead_syncs
from connections.tiers import get_tier
from connections.timing import is_due, next_due


@dataclass(frozen=True, slots=True)
class Late:
    """An account whose numbers are older than its tier allows.

    Attributes:
        account: the account.
        age: since its last success, or since it was connected.
        limit: its tier's.
        next_attempt: when its next tick is; None = at the next one.
    """

    account: Account
    age: timedelta
    limit: timedelta
    next_attempt: datetime | None


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


def next_attempt(account: Account) -> datetime | None:
    """The beginning of the slot of an account's next tick; None = none is planned or at once."""
    cadence = get_tier(account.tier).cadence
    if cadence is None or account.status is not AccountStatus.CONNECTED:
        return None
    return next_due(
        cadence=cadence,
        last_attempt=account.last_attempt_at,
        failures=account.consecutive_failures,
    )


def late_accounts(engine: Engine, *, now: datetime | None = None) -> list[Late]:
    """The connected accounts whose last success is too long ago for their tier, oldest first.

    An account that was never imported is late an hour after it was connected, whatever its tier.
    """
    instant = at(now)
    query = select(Account).where(Account.status == AccountStatus.CONNECTED)
    with transaction(engine) as session:
        late = [lateness(account, now=instant) for account in session.scalars(query)]
    return sorted((each for each in late if each), key=lambda each: each.age, reverse=True)


def lateness(account: Account, *, now: datetime) -> Late | None:
    """How late one account is; None = it is not, or is not connected."""
    imported = account.first_import_finished_at is not None
    limit = get_tier(account.tier).freshness_limit if imported else FIRST_IMPORT_LIMIT
    # An account that was away is due anew from the day it came back.
    age = now - max(account.last_success_at or account.connected_at, account.connected_at)
    if account.status is not AccountStatus.CONNECTED or limit is None or age <= limit:
        return None
    return Late(account, age, limit, next_attempt(account))


FIRST_IMPORT_LIMIT = timedelta(hours=1)
"""A person who has connected an account waits for it."""
