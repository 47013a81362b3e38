"""The read ledger counts every request once, on its month and in its 30 days."""

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy.engine import Engine

from connections.models import RequestKind, SyncOutcome
from connections.reads import LEAST_ALLOCATION, reads_of, record_transactions
from connections.syncs import Reading, begin_sync, free_runs, record_outcome, record_readings
from tests.connections.conftest import NOW

AddAccount = Callable[..., str]


def sync(engine: Engine, run_id: str, days_ago: float, requests: int, **options: object) -> None:
    now = NOW - timedelta(days=days_ago)
    kind = options.get("kind", RequestKind.TICK)
    assert isinstance(kind, RequestKind)
    begin_sync(engine, run_id, ["acct_A1"], kind, now=now)
    outcome = options.get("outcome", SyncOutcome.OK)
    assert isinstance(outcome, SyncOutcome)
    record_outcome(engine, run_id, "acct_A1", outcome, requests=requests, now=now)


def test_every_kind_of_sync_counts_on_its_month_and_in_30_days(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    add_account("acct_A2")
    sync(engine, "last month, long ago", 31, 1000)  # 3 October
    sync(engine, "last month", 20, 200)
    sync(engine, "failed", 1, 30, outcome=SyncOutcome.FAILED)
    sync(engine, "verified", 0.5, 4, kind=RequestKind.VERIFY)
    reads = reads_of(engine, now=NOW)
    assert (reads["acct_A1"].in_month, reads["acct_A1"].in_30_days) == (34, 234)
    assert reads["acct_A1"].month == date(2026, 11, 1)
    assert (reads["acct_A2"].in_month, reads["acct_A2"].in_30_days) == (0, 0)
    assert reads["acct_A1"].left == LEAST_ALLOCATION - 234
    assert reads_of(engine, ["acct_A2", "acct_unknown"], now=NOW).keys() == {"acct_A2"}


def test_a_killed_sync_counts_with_what_it_said_and_is_named_otherwise(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    begin_sync(engine, "silent", ["acct_A1"], RequestKind.TICK, now=NOW - timedelta(hours=2))
    assert reads_of(engine, now=NOW)["acct_A1"].unknown == 0, "it is still running"
    free_runs(engine, ["silent"], now=NOW - timedelta(hours=1))
    begin_sync(engine, "said", ["acct_A1"], RequestKind.TICK, now=NOW - timedelta(minutes=9))
    record_readings(engine, "said", {"acct_A1": Reading(rows=5, requests=7)})
    assert reads_of(engine, now=NOW)["acct_A1"].in_month == 7
    free_runs(engine, ["said"], now=NOW)
    reads = reads_of(engine, now=NOW)["acct_A1"]
    assert (reads.in_month, reads.unknown) == (7, 1)


def test_a_step_that_is_tried_again_counts_both_times(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    for _ in range(2):
        begin_sync(engine, "run", ["acct_A1"], RequestKind.TICK, now=NOW)
        record_outcome(engine, "run", "acct_A1", SyncOutcome.FAILED, requests=5, now=NOW)
    assert reads_of(engine, now=NOW)["acct_A1"].in_30_days == 10


def test_the_allocation_follows_the_transactions(engine: Engine, add_account: AddAccount) -> None:
    add_account()
    record_transactions(engine, {"acct_A1": 19, "acct_unknown": 3})
    assert reads_of(engine, now=NOW)["acct_A1"].allocation == 10_000
    record_transactions(engine, {"acct_A1": 21})
    assert reads_of(engine, now=NOW)["acct_A1"].allocation == 10_500
