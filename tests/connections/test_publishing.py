"""From read to published: an account is fresh when its numbers can be seen, whoever showed them."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.engine import Engine

from connections.accounts import get_account
from connections.models import RequestKind, RequestStatus, SyncOutcome
from connections.requests import claim_requests, recent_requests, request_sync
from connections.sync_reports import sync_history, unfinished_syncs
from connections.syncs import (
    Reading,
    begin_sync,
    free_runs,
    mark_shown,
    record_built,
    record_handed_over,
    record_loaded,
    record_outcome,
    record_published,
    record_readings,
)
from tests.connections.conftest import NOW

pytestmark = pytest.mark.e2e

AddAccount = Callable[..., str]
TICK = RequestKind.TICK


def minute(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


def read(engine: Engine, run_id: str, account_id: str, *, at: float) -> None:
    begin_sync(engine, run_id, [account_id], TICK, now=minute(at))
    record_readings(engine, run_id, {account_id: Reading(rows=7, requests=2)})


def published(engine: Engine, *, at: float) -> list[str]:
    return [sync.account_id for sync in record_published(engine, now=minute(at))]


def test_the_whole_way(engine: Engine, add_account: AddAccount) -> None:
    add_account(first_import_finished_at=None, consecutive_failures=2, last_error="x")
    request_sync(engine, "acct_A1", now=NOW)
    read(engine, "run", "acct_A1", at=0)
    assert published(engine, at=1) == []
    record_loaded(engine, ["run"], now=minute(2))
    assert published(engine, at=2) == []
    record_built(engine, loaded_before=minute(3), now=minute(4))
    assert published(engine, at=5) == ["acct_A1"]
    assert published(engine, at=6) == []
    account = get_account(engine, "acct_A1")
    assert account.last_success_at == account.first_import_finished_at == minute(5)
    assert (account.consecutive_failures, account.last_error) == (0, None)
    [sync] = sync_history(engine, "acct_A1")
    assert (sync.rows, sync.requests, sync.outcome) == (7, 2, SyncOutcome.OK)


def test_what_is_loaded_after_the_build_began_waits_for_the_next(
    engine: Engine, add_account: AddAccount
) -> None:
    for account_id in ("acct_A", "acct_B"):
        add_account(account_id)
    read(engine, "one", "acct_A", at=0)
    read(engine, "two", "acct_B", at=0)
    record_loaded(engine, ["one"], now=minute(1))
    record_loaded(engine, ["two"], now=minute(3))
    record_built(engine, loaded_before=minute(2), now=minute(4))
    assert published(engine, at=5) == ["acct_A"]
    assert [sync.run_id for sync in unfinished_syncs(engine)] == ["two"]
    record_built(engine, loaded_before=minute(6), now=minute(7))
    assert published(engine, at=8) == ["acct_B"]


def test_what_a_killed_run_had_loaded_is_fresh_once_another_publishes_it(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    read(engine, "killed", "acct_A1", at=0)
    record_loaded(engine, ["killed"], now=minute(1))
    free_runs(engine, ["killed"], now=minute(2))
    assert get_account(engine, "acct_A1").last_success_at is None
    record_built(engine, loaded_before=minute(3), now=minute(4))
    assert published(engine, at=5) == ["acct_A1"]
    account = get_account(engine, "acct_A1")
    assert account.last_success_at == minute(5)
    assert account.consecutive_failures == 1
    assert sync_history(engine, "acct_A1")[0].outcome is SyncOutcome.FAILED


def test_a_run_that_only_reads_frees_its_accounts_which_are_fresh_later(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    request_sync(engine, "acct_A1", RequestKind.REIMPORT, now=NOW)
    [claim] = claim_requests(engine, now=NOW)
    begin_sync(engine, "reads", ["acct_A1"], claim.kind, claim_id=claim.claim_id, now=NOW)
    record_readings(engine, "reads", {"acct_A1": Reading(7, 2)})
    assert record_handed_over(engine, "reads", now=minute(1)) == ["acct_A1"]
    assert unfinished_syncs(engine) == []
    assert recent_requests(engine, "acct_A1")[0].status is RequestStatus.DONE
    assert get_account(engine, "acct_A1").last_success_at is None
    record_loaded(engine, ["loads", "reads"], now=minute(2))
    record_built(engine, loaded_before=minute(3), now=minute(4))
    assert published(engine, at=5) == ["acct_A1"]
    assert get_account(engine, "acct_A1").last_success_at == minute(5)


def test_an_account_that_could_not_be_read_is_not_published_with_its_run(
    engine: Engine, add_account: AddAccount
) -> None:
    for account_id in ("acct_A", "acct_B"):
        add_account(account_id)
    begin_sync(engine, "run", ["acct_A", "acct_B"], TICK, now=NOW)
    record_readings(engine, "run", {"acct_A": Reading(7, 2)})
    record_outcome(engine, "run", "acct_B", SyncOutcome.FAILED, requests=3, error="net", now=NOW)
    record_loaded(engine, ["run"], now=minute(1))
    record_built(engine, loaded_before=minute(2), now=minute(3))
    assert published(engine, at=4) == ["acct_A"]
    assert get_account(engine, "acct_B").consecutive_failures == 1
    assert get_account(engine, "acct_B").last_success_at is None


def test_a_step_tried_again_has_asked_twice(engine: Engine, add_account: AddAccount) -> None:
    add_account()
    for _ in range(2):
        read(engine, "run", "acct_A1", at=0)
    [sync] = sync_history(engine, "acct_A1")
    assert (sync.rows, sync.requests) == (7, 4)


def test_when_an_account_was_shown_is_kept(engine: Engine, add_account: AddAccount) -> None:
    add_account()
    mark_shown(engine, ["acct_A1"], at=NOW)
    assert get_account(engine, "acct_A1").shown_at == NOW
    mark_shown(engine, ["acct_A1"], at=None)
    assert get_account(engine, "acct_A1").shown_at is None
