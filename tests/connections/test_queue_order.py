"""Who of those that wait comes first: by tier, but nobody waits for ever."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from connections.models import RequestKind, SyncOutcome
from connections.requests import (
    ALONE_AT_ONCE,
    claim_requests,
    request_sync,
    request_waits,
)
from connections.syncs import begin_sync, record_outcome
from tests.connections.conftest import NOW

pytestmark = pytest.mark.e2e

AddAccount = Callable[..., str]
NEVER_IMPORTED = {"first_import_finished_at": None}


def test_first_imports_go_by_tier_and_a_few_at_a_time(
    engine: Engine, add_account: AddAccount
) -> None:
    for number in range(ALONE_AT_ONCE):
        for tier in ("free", "agency"):
            request_sync(engine, add_account(f"acct_{tier}{number}", tier=tier, **NEVER_IMPORTED),
                         now=NOW)  # fmt: skip
    first = claim_requests(engine, now=NOW)
    assert sorted(claim.account_ids[0] for claim in first) == [
        f"acct_agency{number}" for number in range(ALONE_AT_ONCE)
    ]
    assert claim_requests(engine, now=NOW) == first
    done = first[0]
    begin_sync(engine, "run", done.account_ids, done.kind, claim_id=done.claim_id, now=NOW)
    record_outcome(engine, "run", done.account_ids[0], SyncOutcome.OK, now=NOW)
    [*_, fresh] = claim_requests(engine, now=NOW)
    assert fresh.account_ids[0].startswith("acct_free")


def test_no_stream_of_better_tiers_starves_a_request(
    engine: Engine, add_account: AddAccount
) -> None:
    """An agency connects a new account for every place that becomes free."""
    request_sync(engine, add_account("acct_free", tier="free", **NEVER_IMPORTED), now=NOW)
    now, served = NOW, 0
    while True:
        for _ in range(ALONE_AT_ONCE):
            served += 1
            request_sync(
                engine,
                add_account(f"acct_agency{served}", tier="agency", **NEVER_IMPORTED),
                now=now,
            )
        claims = claim_requests(engine, now=now)
        if any(claim.account_ids == ("acct_free",) for claim in claims):
            break
        for claim in claims:
            run_id = claim.claim_id
            begin_sync(engine, run_id, claim.account_ids, claim.kind, claim_id=run_id, now=now)
            record_outcome(engine, run_id, claim.account_ids[0], SyncOutcome.OK, now=now)
        now += timedelta(minutes=1)
        assert now < NOW + timedelta(hours=1)
    assert now - NOW >= timedelta(minutes=25)


def test_many_first_imports_do_not_hold_up_what_others_ask_for(
    engine: Engine, add_account: AddAccount
) -> None:
    for number in range(2 * ALONE_AT_ONCE):
        request_sync(
            engine, add_account(f"acct_{number}", tier="agency", **NEVER_IMPORTED), now=NOW
        )
    claim_requests(engine, now=NOW)
    request_sync(engine, add_account("acct_pro", tier="pro"), now=NOW)
    claims = claim_requests(engine, now=NOW)
    assert ("acct_pro",) in [claim.account_ids for claim in claims]
    assert len([claim for claim in claims if claim.kind is RequestKind.FIRST_IMPORT]) == (
        ALONE_AT_ONCE
    )


def test_who_runs_its_own_accounts_does_not_queue(engine: Engine, add_account: AddAccount) -> None:
    ids = [add_account(f"acct_{n}", **NEVER_IMPORTED) for n in range(2 * ALONE_AT_ONCE)]
    for account_id in ids:
        request_sync(engine, account_id, now=NOW)
    assert len(claim_requests(engine, account_ids=ids, now=NOW)) == len(ids)


def test_whether_something_waits(engine: Engine, add_account: AddAccount) -> None:
    add_account()
    assert not request_waits(engine, now=NOW)
    request_sync(engine, "acct_A1", now=NOW)
    assert not request_waits(engine, now=NOW - timedelta(seconds=1))
    assert request_waits(engine, now=NOW)
    claim_requests(engine, now=NOW)
    assert not request_waits(engine, now=NOW)
