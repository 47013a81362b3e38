"""What is found to be wrong, and what of it is written, told and shown."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import AssetCheckSeverity, DagsterInstance
from dagster._core.events import DagsterEventType
from dagster._core.test_utils import create_run_for_test
from sqlalchemy.engine import Engine

from connections.models import Account, AccountStatus, AuthKind, SyncOutcome, SyncRun
from connections.rows import transaction
from connections.settings import Settings
from orchestration import health
from orchestration.account_checks import CHECKS, evaluation
from orchestration.account_events import (
    SHOW_CHANGED_EVERY,
    SHOW_UNCHANGED_EVERY,
    worth_showing,
)
from orchestration.health import TOPICS, Watch
from orchestration.naming import NAMED_AT_MOST, named
from tests.connections.conftest import NOW
from tests.orchestration.virtual import report

SECOND = timedelta(seconds=1)


def account(account_id: str = "acct_A", **changes: object) -> Account:
    values: dict[str, object] = {
        "account_id": account_id,
        "tier": "scale",
        "status": AccountStatus.CONNECTED,
        "auth_kind": AuthKind.CONNECT_OAUTH,
        "livemode": False,
        "api_base": "https://api.stripe.com",
        "connect_base": "https://connect.stripe.com",
        "connected_at": NOW - timedelta(days=9),
        "created_at": NOW - timedelta(days=9),
        "first_import_finished_at": NOW - timedelta(days=9),
        "last_success_at": NOW,
        "last_attempt_at": NOW,
        "consecutive_failures": 0,
        "shown_at": None,
    }
    return Account(**{**values, **changes})


@pytest.fixture
def watch(engine: Engine, tmp_path: Path) -> Iterator[Watch]:
    with DagsterInstance.ephemeral() as instance:
        yield Watch(engine, instance, Settings(home=tmp_path), NOW)


def add(engine: Engine, *accounts: Account) -> None:
    with transaction(engine) as session:
        session.add_all(accounts)


@pytest.mark.e2e
class TestTopics:
    def test_nothing_is_wrong_with_nobody(self, watch: Watch) -> None:
        assert {topic: look(watch) for topic, look in TOPICS.items()} == {
            topic: {} for topic in TOPICS
        }

    def test_a_late_account_is_named_with_its_age_and_reason(self, watch: Watch) -> None:
        add(
            watch.engine,
            account(last_success_at=NOW - timedelta(minutes=50), last_error="HTTP 500"),
            account("acct_fine"),
        )
        assert health.late(watch) == {
            "acct_A": "acct_A (scale) has had no good sync for 50 min, 45 min are allowed, "
            "next try 12:30 UTC: HTTP 500"
        }

    def test_a_failing_account_is_named_with_its_next_try(self, watch: Watch) -> None:
        add(
            watch.engine,
            account(consecutive_failures=3, last_error="HTTP 500"),
            account("acct_gone", consecutive_failures=3, status=AccountStatus.REVOKED),
        )
        assert health.failing(watch) == {"acct_A": "3 in a row, next try 14:00 UTC: HTTP 500"}
        assert list(health.revoked(watch)) == ["acct_gone"]

    def test_a_kind_of_run_is_judged_by_its_last(self, watch: Watch) -> None:
        def run(lane: str, event: DagsterEventType) -> None:
            tags = {"dashtray/tier": lane}
            made = create_run_for_test(watch.instance, job_name="sync", tags=tags)
            report(watch.instance, made, event)

        for lane in ("pro", "scale"):
            run(lane, DagsterEventType.RUN_FAILURE)
        run("scale", DagsterEventType.RUN_SUCCESS)
        assert list(health.failed_runs(watch)) == ["pro"]

    def test_a_full_disk_is_told(self, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
        free = health.shutil.disk_usage(watch.settings.home).free
        monkeypatch.setattr(health, "LOW_DISK_BYTES", free * 2)
        assert list(health.disk(watch)) == ["home"]


def test_the_checks_name_who_is_meant() -> None:
    fresh, failing = CHECKS
    late = evaluation(fresh, {"acct_A": "late"})
    assert not late.passed
    assert late.severity is AssetCheckSeverity.ERROR
    assert late.metadata["acct_A"].value == "late"
    assert evaluation(failing, {"acct_A": "x"}).severity is AssetCheckSeverity.WARN
    assert evaluation(fresh, {}).passed


def test_of_many_accounts_the_first_are_named_and_the_rest_counted() -> None:
    lines = {f"acct_{number:04}": "late" for number in range(3000)}
    shown = named(lines)
    assert len(shown) == NAMED_AT_MOST + 1
    assert shown["and more"] == "2950 further accounts"
    assert named({"acct_A": "late"}) == {"acct_A": "late"}


@pytest.mark.parametrize(
    ("ago", "rows", "outcome", "worth"),
    [
        (None, 0, SyncOutcome.OK, True),
        (SECOND, 5, SyncOutcome.FAILED, True),
        (SHOW_CHANGED_EVERY - SECOND, 5, SyncOutcome.OK, False),
        (SHOW_CHANGED_EVERY, 5, SyncOutcome.OK, True),
        (SHOW_CHANGED_EVERY, 0, SyncOutcome.OK, False),
        (SHOW_UNCHANGED_EVERY - SECOND, 0, SyncOutcome.OK, False),
        (SHOW_UNCHANGED_EVERY, 0, SyncOutcome.OK, True),
    ],
)
def test_an_account_is_shown_when_there_is_something_to_see(
    ago: timedelta | None, rows: int, outcome: SyncOutcome, worth: bool
) -> None:
    shown_at = None if ago is None else NOW - ago
    sync = SyncRun(account_id="acct_A", outcome=outcome, rows=rows)
    assert worth_showing(account(shown_at=shown_at), sync, NOW) is worth
