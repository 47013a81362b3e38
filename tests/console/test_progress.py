"""How far a sync is said to be, from what is recorded about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connections.models import (
    Account,
    AccountStatus,
    RequestKind,
    RequestStatus,
    SyncOutcome,
    SyncRequest,
    SyncRun,
)
from console.web.progress import (
    PHASES,
    STEPS,
    Stage,
    SyncProgress,
    foremost,
    progress_of,
)

NOW = datetime(2026, 11, 3, 12, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def account(**changes: Any) -> Account:
    values: dict[str, Any] = {
        "account_id": "acct_A1",
        "status": AccountStatus.CONNECTED,
        "first_import_finished_at": None,
        "consecutive_failures": 0,
        "last_error": None,
    }
    return Account(**{**values, **changes})


def request(status: RequestStatus = RequestStatus.QUEUED, **changes: Any) -> SyncRequest:
    values: dict[str, Any] = {
        "kind": RequestKind.FIRST_IMPORT,
        "status": status,
        "requested_at": NOW,
        "not_before": NOW,
        "attempt": 1,
    }
    return SyncRequest(**{**values, **changes})


def run(**changes: Any) -> SyncRun:
    values: dict[str, Any] = {
        "run_id": "run",
        "account_id": "acct_A1",
        "started_at": NOW,
        "finished_at": None,
        "outcome": None,
    }
    return SyncRun(**{**values, **changes})


def report(phase: str | None, ended: tuple[str, ...] = (), **streams: Any) -> dict[str, Any]:
    return {
        "run_id": "run",
        "phase": phase,
        "phases": [{"name": name, "seconds": 1.0} for name in ended],
        "streams": {"acct_A1": streams, "acct_of_another": {"charges": {"objects": 9}}},
    }


def progress(
    request_: SyncRequest | None = None,
    run_: SyncRun | None = None,
    report_: dict[str, Any] | None = None,
    **changes: Any,
) -> SyncProgress:
    return progress_of(account(**changes), request_, run_, report_, now=NOW)


def test_from_the_queue_to_the_end() -> None:
    seen = [
        progress(request()),
        progress(request(RequestStatus.CLAIMED)),
        progress(request(RequestStatus.RUNNING), run(), None),
        progress(request(RequestStatus.RUNNING), run(), report("extract")),
        progress(request(RequestStatus.RUNNING), run(), report(None, ("extract",))),
        progress(request(RequestStatus.RUNNING), run(), report("load", ("extract",))),
        progress(request(RequestStatus.RUNNING), run(), report("dbt", ("extract", "load"))),
        progress(
            request(RequestStatus.RUNNING), run(), report("publish", ("extract", "load", "dbt"))
        ),
        progress(
            None,
            run(finished_at=NOW, outcome=SyncOutcome.OK),
            report(None, tuple(PHASES)),
            first_import_finished_at=NOW,
        ),
    ]
    assert [each.stage for each in seen] == [
        Stage.QUEUED,
        Stage.STARTING,
        Stage.READING,
        Stage.READING,
        Stage.LOADING,
        Stage.LOADING,
        Stage.BUILDING,
        Stage.PUBLISHING,
        Stage.DONE,
    ]
    assert [each.is_over for each in seen] == [False] * 8 + [True]


def test_every_stage_before_the_end_is_a_step_of_the_page() -> None:
    assert [stage for stage, _, _ in STEPS] == [
        stage for stage in Stage if stage not in {Stage.DONE, Stage.FAILED}
    ]


@pytest.mark.parametrize(
    ("marks", "stage"),
    [
        ({}, Stage.READING),
        ({"loaded_at": NOW}, Stage.BUILDING),
        ({"loaded_at": NOW, "built_at": NOW}, Stage.PUBLISHING),
    ],
)
def test_without_its_report_the_records_say_where_a_run_is(
    marks: dict[str, Any], stage: Stage
) -> None:
    assert progress(request(RequestStatus.RUNNING), run(**marks)).stage is stage


def test_streams_are_this_accounts_with_the_largest_first() -> None:
    read = report(
        "extract",
        accounts={"phase": "done", "objects": 1},
        subscription_items={"phase": "listing", "objects": 20},
        charges={"phase": "listing", "objects": 300},
    )
    found = progress(request(RequestStatus.RUNNING), run(), read)
    assert [(each.name, each.objects, each.done) for each in found.streams] == [
        ("Charges", 300, False),
        ("Subscription items", 20, False),
        ("Accounts", 1, True),
    ]
    assert found.objects == 321


def test_once_the_reading_is_over_every_list_is_done() -> None:
    read = report("load", ("extract",), charges={"phase": "completing", "objects": 300})
    assert progress(None, run(), read).streams[0].done


def test_a_failed_try_that_waits_says_why_and_until_when() -> None:
    waiting = request(attempt=2, not_before=NOW + MINUTE, error="HTTP 500")
    failed = run(finished_at=NOW, outcome=SyncOutcome.FAILED)
    found = progress(waiting, failed, None, consecutive_failures=1, last_error="HTTP 500")
    assert (found.stage, found.error) == (Stage.FAILED, "HTTP 500")
    assert found.retry_at == (NOW + MINUTE).isoformat()
    assert not found.is_over


def test_a_failed_sync_that_nobody_tries_again_is_over() -> None:
    failed = run(finished_at=NOW, outcome=SyncOutcome.FAILED)
    found = progress(
        None,
        failed,
        None,
        first_import_finished_at=NOW,
        consecutive_failures=1,
        last_error="HTTP 500",
    )
    assert (found.stage, found.error, found.is_over) == (Stage.FAILED, "HTTP 500", True)


def test_an_account_that_left_is_not_waited_for() -> None:
    found = progress(request(), None, None, status=AccountStatus.REVOKED, last_error="withdrawn")
    assert (found.stage, found.error, found.is_over) == (Stage.FAILED, "withdrawn", True)


def test_of_several_wishes_the_first_import_is_looked_at() -> None:
    first = request(RequestStatus.QUEUED)
    manual = request(RequestStatus.RUNNING, kind=RequestKind.MANUAL)
    claimed = request(RequestStatus.CLAIMED, kind=RequestKind.MANUAL)
    assert foremost([manual, first]) is first
    assert foremost([claimed, manual]) is manual
    assert foremost([]) is None
