import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.engine import Engine

from connections.accounts import get_account
from connections.credentials import read_token, store_token
from connections.due import due_accounts
from connections.models import (
    AccountStatus,
    Credential,
    CredentialPurpose,
    RequestKind,
    RequestStatus,
    SyncOutcome,
)
from connections.requests import claim_requests, recent_requests, request_sync
from connections.rows import transaction
from connections.secret import Secret
from connections.sync_endings import MAX_SYNC_AGE
from connections.sync_reports import sync_history, unfinished_syncs
from connections.syncs import begin_sync, free_dead_syncs, free_runs, record_outcome
from connections.tiers import TIERS
from connections.timing import is_due, slot_start
from connections.vault import Vault
from tests.connections.conftest import NOW

AddAccount = Callable[..., str]
TICK = RequestKind.TICK
CADENCES = st.sampled_from([timedelta(minutes=30), timedelta(hours=3)])
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))

BEGIN = """
import sys
from datetime import datetime
from connections.models import RequestKind
from connections.postgres import make_engine
from connections.syncs import begin_sync
now = datetime.fromisoformat(sys.argv[2])
begin_sync(make_engine(sys.argv[1]), "dead", ["acct_A1"], RequestKind.MANUAL, now=now)
"""


@given(INSTANTS, CADENCES, st.integers(0, 7200), st.integers(0, 600))
def test_ticks_with_jitter_sync_once_per_slot(
    start: datetime, cadence: timedelta, jitter: int, repeat: int
) -> None:
    """However late a tick begins within its slot, every slot syncs once and none twice."""
    last: datetime | None = None
    for number in range(5):
        slot = slot_start(start, cadence) + number * cadence
        tick = slot + timedelta(seconds=jitter) % cadence
        assert is_due(now=tick, cadence=cadence, last_attempt=last, failures=0)
        last = tick
        again = min(tick + timedelta(seconds=repeat), slot + cadence - timedelta(microseconds=1))
        assert not is_due(now=again, cadence=cadence, last_attempt=last, failures=0)


def test_slots_lie_on_the_hours_of_the_schedules() -> None:
    assert slot_start(NOW, timedelta(minutes=30)) == NOW.replace(minute=0)
    assert slot_start(NOW, timedelta(hours=3)) == NOW.replace(hour=12, minute=0)


@pytest.mark.parametrize(
    ("failures", "slots"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (6, 32), (7, 48), (999, 48)]
)
def test_failures_in_a_row_wait_longer_up_to_a_day(failures: int, slots: int) -> None:
    cadence = timedelta(minutes=30)

    def due(after: timedelta) -> bool:
        return is_due(now=NOW + after, cadence=cadence, last_attempt=NOW, failures=failures)

    assert due(slots * cadence)
    assert not due((slots - 1) * cadence)


@pytest.mark.e2e
class TestDue:
    def test_only_connected_imported_free_accounts_of_the_tier(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account("acct_due", tier="pro")
        add_account("acct_other_tier", tier="scale")
        add_account("acct_free", tier="free")
        add_account("acct_new", tier="pro", first_import_finished_at=None)
        add_account("acct_busy", tier="pro")
        add_account("acct_done", tier="pro", last_attempt_at=NOW - timedelta(minutes=5))
        for status in (AccountStatus.PAUSED, AccountStatus.REVOKED, AccountStatus.DISCONNECTED):
            add_account(f"acct_{status}", tier="pro", status=status)
        begin_sync(engine, "other", ["acct_busy"], TICK, now=NOW - timedelta(hours=4))
        assert [a.account_id for a in due_accounts(engine, "pro", now=NOW)] == ["acct_due"]
        assert due_accounts(engine, "free", now=NOW) == []

    def test_those_that_waited_longest_come_first(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account("acct_1", tier="pro", last_attempt_at=NOW - timedelta(hours=4))
        add_account("acct_2", tier="pro", last_attempt_at=NOW - timedelta(hours=9))
        add_account("acct_3", tier="pro")
        due = [account.account_id for account in due_accounts(engine, "pro", now=NOW)]
        assert due == ["acct_3", "acct_2", "acct_1"]

    def test_two_days_of_ticks_sync_every_tier_as_promised(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        for tier in TIERS:
            add_account(f"acct_{tier}", tier=tier)
        counted = dict.fromkeys(TIERS, 0)
        start = slot_start(NOW, timedelta(hours=3))
        for number in range(2 * 48):
            now = start + number * timedelta(minutes=30) + timedelta(seconds=13)
            for tier in TIERS:
                ids = [account.account_id for account in due_accounts(engine, tier, now=now)]
                run_id = f"{tier}-{number}"
                for account in begin_sync(engine, run_id, ids, TICK, now=now).accounts:
                    end = now + timedelta(seconds=40)
                    record_outcome(engine, run_id, account.account_id, SyncOutcome.OK, now=end)
                    counted[tier] += 1
        assert counted == {"free": 0, "pro": 16, "scale": 96, "agency": 96}


@pytest.mark.e2e
class TestBegin:
    def test_runs_that_begin_at_once_share_the_accounts_out(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        ids = [add_account(f"acct_{number}") for number in range(20)]

        def begin(number: int) -> list[str]:
            wanted = ids if number % 2 else ids[::-1]
            begun = begin_sync(engine, f"run{number}", wanted, TICK, now=NOW)
            assert set(begun.skipped) == set(ids) - {a.account_id for a in begun.accounts}
            return [account.account_id for account in begun.accounts]

        with ThreadPoolExecutor(10) as pool:
            taken = [account_id for part in pool.map(begin, range(10)) for account_id in part]
        assert sorted(taken) == sorted(ids)

    def test_what_cannot_be_taken_is_said(self, engine: Engine, add_account: AddAccount) -> None:
        add_account("acct_P", status=AccountStatus.PAUSED)
        begun = begin_sync(engine, "run", ["acct_P", "acct_X"], TICK, now=NOW)
        assert begun.accounts == ()
        assert "paused" in begun.skipped["acct_P"]
        assert "no such account" in begun.skipped["acct_X"]

    def test_a_step_tried_again_gets_the_same_accounts(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account()
        for _ in range(2):
            assert len(begin_sync(engine, "run", ["acct_A1"], TICK, now=NOW).accounts) == 1
        record_outcome(engine, "run", "acct_A1", SyncOutcome.FAILED, error="x", now=NOW)
        assert len(begin_sync(engine, "run", ["acct_A1"], TICK, now=NOW).accounts) == 1
        assert [run.run_id for run in unfinished_syncs(engine)] == ["run"]

    def test_an_account_of_a_killed_process_is_freed(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account()
        request_sync(engine, "acct_A1", now=NOW)
        url = engine.url.render_as_string(hide_password=False)
        subprocess.run([sys.executable, "-c", BEGIN, url, NOW.isoformat()], check=True)
        assert [run.run_id for run in unfinished_syncs(engine)] == ["dead"]
        later = request_sync(engine, "acct_A1", now=NOW)
        [claim] = claim_requests(engine, now=NOW)  # of the later request: the dead is freed
        begun = begin_sync(
            engine, "next", ["acct_A1"], claim.kind, claim_id=claim.claim_id, now=NOW
        )
        assert len(begun.accounts) == 1
        dead = next(run for run in sync_history(engine, "acct_A1") if run.run_id == "dead")
        assert dead.outcome is SyncOutcome.FAILED
        statuses = {request.id: request.status for request in recent_requests(engine, "acct_A1")}
        assert statuses.pop(later.id) is RequestStatus.RUNNING
        assert set(statuses.values()) == {RequestStatus.FAILED}
        assert record_outcome(engine, "dead", "acct_A1", SyncOutcome.OK, now=NOW) is False

    def test_a_request_that_finds_its_account_busy_waits_for_its_turn(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account()
        request_sync(engine, "acct_A1", RequestKind.REIMPORT, now=NOW)
        [claim] = claim_requests(engine, now=NOW)
        begin_sync(engine, "tick", ["acct_A1"], TICK, now=NOW)  # serves no re-import
        begun = begin_sync(engine, "re", ["acct_A1"], claim.kind, claim_id=claim.claim_id, now=NOW)
        assert "tick" in begun.skipped["acct_A1"]
        assert claim_requests(engine, now=NOW) == []
        record_outcome(engine, "tick", "acct_A1", SyncOutcome.OK, now=NOW)
        [again] = claim_requests(engine, now=NOW)
        assert again.kind is RequestKind.REIMPORT
        assert again.claim_id != claim.claim_id

    def test_a_request_absorbed_by_an_earlier_run_is_not_run_again(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account()
        request_sync(engine, "acct_A1", now=NOW)
        [claim] = claim_requests(engine, now=NOW)
        begin_sync(engine, "tick", ["acct_A1"], TICK, now=NOW)
        record_outcome(engine, "tick", "acct_A1", SyncOutcome.OK, now=NOW)
        begun = begin_sync(
            engine, "late", ["acct_A1"], claim.kind, claim_id=claim.claim_id, now=NOW
        )
        assert "served by another run" in begun.skipped["acct_A1"]
        assert recent_requests(engine, "acct_A1")[0].run_id == "tick"

    def test_what_a_failed_run_held_is_freed_with_its_reason(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account()
        begin_sync(engine, "run", ["acct_A1"], TICK, now=NOW)
        assert free_runs(engine, ["run"], error="dbt failed", now=NOW) == ["acct_A1"]
        assert get_account(engine, "acct_A1").last_error == "dbt failed"

    def test_freeing_leaves_the_living_alone(self, engine: Engine, add_account: AddAccount) -> None:
        add_account()
        begin_sync(engine, "alive", ["acct_A1"], TICK, now=NOW)
        assert free_dead_syncs(engine, now=NOW) == []
        assert free_runs(engine, ["another"], now=NOW) == []
        late = NOW + MAX_SYNC_AGE + timedelta(seconds=1)
        assert free_dead_syncs(engine, now=late) == ["acct_A1"]
        begin_sync(engine, "second", ["acct_A1"], TICK, now=late)
        assert free_runs(engine, ["second"], now=late) == ["acct_A1"]
        assert unfinished_syncs(engine) == []


@pytest.mark.e2e
class TestOutcomes:
    def test_ok_is_counted_and_ends_the_failures(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account(first_import_finished_at=None, consecutive_failures=3, last_error="x")
        begin_sync(engine, "run", ["acct_A1"], RequestKind.FIRST_IMPORT, now=NOW)
        end = NOW + timedelta(seconds=30)
        assert record_outcome(
            engine, "run", "acct_A1", SyncOutcome.OK, rows=6000, requests=90, now=end
        )
        account = get_account(engine, "acct_A1")
        assert account.last_attempt_at == NOW
        assert account.last_success_at == account.first_import_finished_at == end
        assert (account.consecutive_failures, account.last_error) == (0, None)
        [run] = sync_history(engine, "acct_A1")
        assert (run.rows, run.requests, run.outcome) == (6000, 90, SyncOutcome.OK)
        assert not record_outcome(engine, "run", "acct_A1", SyncOutcome.FAILED, now=end)

    def test_a_failed_first_import_is_tried_again_later(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account(first_import_finished_at=None)
        request_sync(engine, "acct_A1", now=NOW)
        now, ids = NOW, set()
        for attempt in (1, 2, 3):
            [claim] = claim_requests(engine, now=now)
            ids.add(claim.claim_id)
            run_id = f"run{attempt}"
            begin_sync(
                engine, run_id, claim.account_ids, claim.kind, claim_id=claim.claim_id, now=now
            )
            record_outcome(engine, run_id, "acct_A1", SyncOutcome.FAILED, error="net", now=now)
            assert claim_requests(engine, now=now) == []
            wait = timedelta(minutes=2 ** (attempt - 1))
            assert claim_requests(engine, now=now + wait - timedelta(seconds=1)) == []
            now += wait
        assert len(ids) == 3
        account = get_account(engine, "acct_A1")
        assert account.status is AccountStatus.CONNECTED
        assert (account.consecutive_failures, account.last_error) == (3, "net")

    def test_revoked_deletes_tokens_and_stops_the_schedule(
        self, engine: Engine, add_account: AddAccount, vault: Vault
    ) -> None:
        for account_id in ("acct_A1", "acct_B"):
            add_account(account_id, tier="pro")
            with transaction(engine) as session:
                store_token(
                    session,
                    vault,
                    account_id,
                    CredentialPurpose.REFRESH_TOKEN,
                    Secret("rt_1"),
                    now=NOW,
                )
        request_sync(engine, "acct_A1", now=NOW)
        begin_sync(engine, "run", ["acct_A1"], TICK, now=NOW + timedelta(seconds=1))
        request_sync(engine, "acct_A1", now=NOW)
        record_outcome(engine, "run", "acct_A1", SyncOutcome.REVOKED, error="gone", now=NOW)
        assert get_account(engine, "acct_A1").status is AccountStatus.REVOKED
        assert {request.status for request in recent_requests(engine, "acct_A1")} == {
            RequestStatus.FAILED
        }
        later = NOW + timedelta(days=1)
        assert [a.account_id for a in due_accounts(engine, "pro", now=later)] == ["acct_B"]
        with transaction(engine) as session:
            left = session.scalars(select(Credential.account_id)).all()
            token = read_token(session, vault, "acct_B", CredentialPurpose.REFRESH_TOKEN)
        assert left == ["acct_B"]
        assert token is not None

    def test_a_revocation_seen_before_a_reconnection_spares_the_new_tokens(
        self, engine: Engine, add_account: AddAccount, vault: Vault
    ) -> None:
        add_account(connected_at=NOW)
        begin_sync(engine, "run", ["acct_A1"], TICK, now=NOW - timedelta(minutes=1))
        with transaction(engine) as session:
            store_token(
                session,
                vault,
                "acct_A1",
                CredentialPurpose.REFRESH_TOKEN,
                Secret("rt_new"),
                now=NOW,
            )
        record_outcome(engine, "run", "acct_A1", SyncOutcome.REVOKED, error="gone", now=NOW)
        assert get_account(engine, "acct_A1").status is AccountStatus.CONNECTED
        with transaction(engine) as session:
            assert session.scalar(select(func.count()).select_from(Credential)) == 1
