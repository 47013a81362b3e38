from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.engine import Engine

from connections.accounts import set_reporting_timezone
from connections.errors import AccountStateError, UnknownAccountError
from connections.models import (
    Account,
    AccountStatus,
    RequestKind,
    RequestStatus,
    SyncOutcome,
    SyncRequest,
)
from connections.requests import (
    CLAIM_LEASE,
    QuotaExceededError,
    claim_requests,
    count_manual_sync,
    manual_syncs_left,
    recent_requests,
    release_claim,
    request_sync,
)
from connections.rows import transaction
from connections.syncs import begin_sync, record_outcome
from connections.timing import retry_wait
from tests.connections.conftest import NOW

pytestmark = pytest.mark.e2e
AddAccount = Callable[..., str]


def ask(engine: Engine, account_id: str = "acct_A1", *, now: datetime = NOW) -> bool:
    try:
        request_sync(engine, account_id, now=now)
    except QuotaExceededError:
        return False
    return True


def test_fifty_at_once_on_the_free_tier_are_three(engine: Engine, add_account: AddAccount) -> None:
    add_account()
    with ThreadPoolExecutor(50) as pool:
        accepted = list(pool.map(lambda _: ask(engine), range(50)))
    assert accepted.count(True) == 3
    with transaction(engine) as session:
        counted = session.execute(
            select(SyncRequest.status, func.count()).group_by(SyncRequest.status)
        ).all()
    assert dict(counted) == {RequestStatus.QUEUED: 3, RequestStatus.REFUSED: 47}


def test_a_sync_outside_the_queue_counts_as_a_request(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    add_account("acct_pro", tier="pro")
    assert ask(engine)
    count_manual_sync(engine, "acct_A1", now=NOW)
    assert manual_syncs_left(engine, "acct_A1", now=NOW) == 1
    # It runs already: what waits is the one request, and it is handed out alone.
    assert [claim.account_ids for claim in claim_requests(engine, now=NOW)] == [("acct_A1",)]
    count_manual_sync(engine, "acct_A1", now=NOW)
    with pytest.raises(QuotaExceededError, match="has used its 3 manual syncs"):
        count_manual_sync(engine, "acct_A1", now=NOW)
    assert not ask(engine)
    for _ in range(5):
        count_manual_sync(engine, "acct_pro", now=NOW)
    assert recent_requests(engine, "acct_pro") == []
    with transaction(engine) as session:
        counted = session.execute(
            select(SyncRequest.status, func.count()).group_by(SyncRequest.status)
        ).all()
    assert dict(counted) == {
        RequestStatus.CLAIMED: 1,
        RequestStatus.DONE: 2,
        RequestStatus.REFUSED: 2,
    }


def test_the_refusal_says_when_the_next_is_possible(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account(reporting_timezone="America/New_York")
    evening = datetime(2026, 11, 4, 3, tzinfo=UTC)  # 3 November, 22:00 in New York
    assert [ask(engine, now=evening) for _ in range(3)] == [True] * 3
    assert manual_syncs_left(engine, "acct_A1", now=evening) == 0
    with pytest.raises(QuotaExceededError, match=r"2026-11-03.*2026-11-04 00:00 America") as error:
        request_sync(engine, "acct_A1", now=evening)
    again = error.value.next_possible_at
    assert again == datetime(2026, 11, 4, 5, tzinfo=UTC)
    assert not ask(engine, now=again - timedelta(seconds=1))
    assert ask(engine, now=again)
    assert manual_syncs_left(engine, "acct_A1", now=again) == 2


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    zone=st.sampled_from(
        ["UTC", "Pacific/Kiritimati", "Pacific/Niue", "Asia/Kathmandu", "Asia/Beirut"]
    ),
    instants=st.lists(
        st.datetimes(datetime(2026, 3, 27), datetime(2026, 3, 31), timezones=st.just(UTC)),
        min_size=1,
        max_size=12,
    ),
)
def test_three_per_day_of_the_account_wherever_it_is(
    engine: Engine, add_account: AddAccount, zone: str, instants: list[datetime]
) -> None:
    with transaction(engine) as session:
        session.execute(text("DELETE FROM connections.accounts"))
    add_account(reporting_timezone=zone)
    accepted: dict[object, int] = {}
    for instant in sorted(instants):
        day = instant.astimezone(ZoneInfo(zone)).date()
        expected = accepted.get(day, 0) < 3
        assert ask(engine, now=instant) is expected
        accepted[day] = accepted.get(day, 0) + expected


def test_a_change_of_time_zone_does_not_free_todays_quota(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    assert all(ask(engine) for _ in range(3))
    set_reporting_timezone(engine, "acct_A1", "Europe/Berlin")  # the same calendar day
    assert not ask(engine)


def test_a_paid_tier_has_no_quota_and_joins_waiting_requests(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account(tier="pro")
    ids = {request_sync(engine, "acct_A1", now=NOW).id for _ in range(10)}
    assert len(ids) == 1
    assert manual_syncs_left(engine, "acct_A1") is None
    claim_requests(engine, now=NOW)
    assert request_sync(engine, "acct_A1", now=NOW).id not in ids


def test_a_never_imported_account_gets_its_one_first_import_beside_the_quota(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account(first_import_finished_at=None)
    requests = [request_sync(engine, "acct_A1", now=NOW) for _ in range(5)]
    assert {request.kind for request in requests} == {RequestKind.FIRST_IMPORT}
    assert len({request.id for request in requests}) == 1
    assert manual_syncs_left(engine, "acct_A1", now=NOW) == 3


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (AccountStatus.PAUSED, "Resume"),
        (AccountStatus.REVOKED, "connect it again"),
        (AccountStatus.DISCONNECTED, "Connect it again"),
    ],
)
def test_an_account_that_is_not_connected_is_refused(
    engine: Engine, add_account: AddAccount, status: AccountStatus, words: str
) -> None:
    add_account(status=status)
    with pytest.raises(AccountStateError, match=words):
        request_sync(engine, "acct_A1")
    assert recent_requests(engine, "acct_A1") == []


def test_an_unknown_account_lists_those_that_exist(engine: Engine, add_account: AddAccount) -> None:
    with pytest.raises(UnknownAccountError, match="none is connected"):
        request_sync(engine, "acct_Z")
    add_account("acct_A1")
    with pytest.raises(UnknownAccountError, match=r"'acct_Z'.*acct_A1"):
        request_sync(engine, "acct_Z")


class TestClaims:
    def test_first_imports_come_alone_and_others_together(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        for name in ("acct_A", "acct_B"):
            add_account(name)
            request_sync(engine, name, now=NOW)
        add_account("acct_C", first_import_finished_at=None, tier="agency")
        request_sync(engine, "acct_C", now=NOW)
        claims = claim_requests(engine, now=NOW)
        assert [(claim.kind, claim.account_ids, claim.priority) for claim in claims] == [
            (RequestKind.FIRST_IMPORT, ("acct_C",), 10),
            (RequestKind.MANUAL, ("acct_A", "acct_B"), 40),
        ]

    def test_a_claim_is_repeated_until_a_run_begins_it(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account()
        ask(engine)
        first = claim_requests(engine, now=NOW)
        assert claim_requests(engine, now=NOW + timedelta(seconds=5)) == first
        [claim] = first
        begun = begin_sync(
            engine, "run1", claim.account_ids, claim.kind, claim_id=claim.claim_id, now=NOW
        )
        assert [account.account_id for account in begun.accounts] == ["acct_A1"]
        assert claim_requests(engine, now=NOW) == []
        record_outcome(engine, "run1", "acct_A1", SyncOutcome.OK, now=NOW)
        assert recent_requests(engine, "acct_A1")[0].status is RequestStatus.DONE

    def test_a_claim_nobody_begins_gets_another_id_and_attempt(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account()
        ask(engine)
        [first] = claim_requests(engine, now=NOW)
        [second] = claim_requests(engine, now=NOW + CLAIM_LEASE + timedelta(seconds=1))
        assert second.claim_id != first.claim_id
        assert recent_requests(engine, "acct_A1")[0].attempt == 2
        late = begin_sync(engine, "late", ["acct_A1"], first.kind, claim_id=first.claim_id, now=NOW)
        assert late.accounts == ()
        release_claim(engine, second.claim_id, now=NOW)
        assert claim_requests(engine, now=NOW) == []
        [third] = claim_requests(engine, now=NOW + retry_wait(2))
        assert third.claim_id not in {first.claim_id, second.claim_id}

    def test_one_account_can_be_claimed_for_alone(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        for name in ("acct_A", "acct_B"):
            add_account(name)
            ask(engine, name)
        [mine] = claim_requests(engine, account_ids=["acct_A"], now=NOW)
        assert mine.account_ids == ("acct_A",)
        [_, others] = claim_requests(engine, now=NOW)
        assert others.account_ids == ("acct_B",)
        assert claim_requests(engine, account_ids=["acct_A"], now=NOW) == [mine]

    def test_simultaneous_claimers_hand_out_each_request_once(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        for number in range(40):
            add_account(f"acct_{number}")
            ask(engine, f"acct_{number}")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: claim_requests(engine, now=NOW), range(8)))
        owner: dict[str, set[str]] = {}
        for claim in (claim for answer in answers for claim in answer):
            for account_id in claim.account_ids:
                owner.setdefault(account_id, set()).add(claim.claim_id)
        assert len(owner) == 40
        assert all(len(claims) == 1 for claims in owner.values())

    def test_requests_of_an_account_being_synced_wait(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account()
        begin_sync(engine, "tick", ["acct_A1"], RequestKind.TICK, now=NOW)
        ask(engine)
        assert claim_requests(engine, now=NOW) == []
        record_outcome(engine, "tick", "acct_A1", SyncOutcome.OK, now=NOW)
        # What was asked for after the sync began is not served by it.
        assert len(claim_requests(engine, now=NOW)) == 1

    def test_a_re_import_takes_the_other_wishes_with_it(
        self, engine: Engine, add_account: AddAccount
    ) -> None:
        add_account()
        ask(engine)
        request_sync(engine, "acct_A1", RequestKind.REIMPORT, now=NOW)
        [claim] = claim_requests(engine, now=NOW)
        assert claim.kind is RequestKind.REIMPORT
        begin_sync(engine, "r", claim.account_ids, claim.kind, claim_id=claim.claim_id, now=NOW)
        record_outcome(engine, "r", "acct_A1", SyncOutcome.OK, now=NOW)
        assert {request.status for request in recent_requests(engine, "acct_A1")} == {
            RequestStatus.DONE
        }


def test_accounts_are_deleted_with_all_that_is_theirs(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    ask(engine)
    begin_sync(engine, "r", ["acct_A1"], RequestKind.MANUAL, now=NOW)
    with transaction(engine) as session:
        session.delete(session.get_one(Account, "acct_A1"))
    with transaction(engine) as session:
        assert session.scalar(select(func.count()).select_from(SyncRequest)) == 0
