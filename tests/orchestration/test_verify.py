"""Who is swept when, and what a sweep may spend."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.engine import Engine

from connections.models import (
    Account,
    AccountStatus,
    AuthKind,
    RequestKind,
    SyncOutcome,
    SyncRun,
)
from connections.reads import Reads, record_transactions
from connections.rows import transaction
from connections.syncs import begin_sync, record_outcome
from orchestration.account_events import _metadata
from orchestration.resources import Warehouse
from orchestration.sweeps import SCHEDULED_PERCENT, sweeps_of
from orchestration.verify import accounts_of_the_day

MONDAY = datetime(2026, 11, 16, 2, 30, tzinfo=UTC)


def account(account_id: str, imported: datetime | None = MONDAY) -> Account:
    return Account(
        account_id=account_id,
        tier="free",
        status=AccountStatus.CONNECTED,
        auth_kind=AuthKind.CONNECT_OAUTH,
        livemode=True,
        api_base="https://api.stripe.com",
        connect_base="https://connect.stripe.com",
        connected_at=MONDAY,
        created_at=MONDAY,
        first_import_finished_at=imported,
    )


def test_each_imported_account_has_one_day_a_week_and_the_days_share_the_load() -> None:
    accounts = [account(f"acct_{number}") for number in range(700)]
    waiting = account("acct_new", imported=None)
    days = [
        accounts_of_the_day([*accounts, waiting], MONDAY + timedelta(days=day)) for day in range(7)
    ]
    swept = sorted(account_id for day in days for account_id in day)
    assert swept == sorted(each.account_id for each in accounts)
    assert all(60 < len(day) < 140 for day in days)
    assert accounts_of_the_day(accounts, MONDAY + timedelta(days=7)) == days[0]


@pytest.mark.e2e
def test_a_sweep_spends_a_share_of_the_reads_that_remain(engine: Engine) -> None:
    with transaction(engine) as session:
        session.add(account("acct_small"))
        session.add(account("acct_busy"))
    record_transactions(engine, {"acct_busy": 1000})
    begin_sync(engine, "run", ["acct_small"], RequestKind.TICK)
    record_outcome(engine, "run", "acct_small", SyncOutcome.OK, requests=4000)

    sweeps = sweeps_of(
        engine,
        Warehouse(),
        ["acct_small", "acct_busy"],
        repair=True,
        reads_percent=SCHEDULED_PERCENT,
        on_wait=print,
    )
    assert sweeps["acct_small"].most_requests == 600
    assert sweeps["acct_busy"].most_requests == 50_000


def test_an_account_shows_what_reading_it_has_cost() -> None:
    sync = SyncRun(
        run_id="run", account_id="acct_A1", kind=RequestKind.TICK, owner="x", started_at=MONDAY
    )
    reads = Reads("acct_A1", MONDAY.date().replace(day=1), 120, 340, 1, 50)
    shown = _metadata(account("acct_A1"), sync, reads)
    assert {name: shown[name].value for name in ("reads_this_month", "reads_30_days")} == {
        "reads_this_month": 120,
        "reads_30_days": 340,
    }
    assert (shown["reads_allowed"].value, shown["syncs_without_count"].value) == (25_000, 1)
