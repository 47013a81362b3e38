"""Several accounts in one run, and days read again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dlt_sources.stripe import AccountRevoked, AccountTask, Progress, extract_accounts
from tests.dlt_sources.faulty import Fault, faulty_stripe
from tests.dlt_sources.rig import IMPATIENT, Rig, running_simulator

pytestmark = pytest.mark.e2e


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Rig]:
    """Three worlds of one account each, synced into one warehouse."""
    options = ("--preset", "tiny", "--now", "2026-11-20T12:00:00Z", "--seed")
    with (
        running_simulator(*options, "1") as simulator,
        running_simulator(*options, "2") as second,
        running_simulator(*options, "3") as third,
    ):
        simulator.join(second)
        simulator.join(third)
        yield Rig(simulator, tmp_path)


def test_a_failing_account_fails_alone(many: Rig) -> None:
    tasks = many.tasks()

    def revoked() -> dict[str, str]:
        raise AccountRevoked("the refresh token was revoked")

    def broken() -> dict[str, str]:
        raise RuntimeError("no key in the vault for Bearer sk_live_abcdefghijk")

    tasks[1] = AccountTask(tasks[1].account_id, revoked, tasks[1].api_base)
    tasks[2] = AccountTask(tasks[2].account_id, broken, tasks[2].api_base)
    extraction, _ = many.sync(tasks)
    outcomes = [extraction.outcomes[task.account_id] for task in tasks]
    assert [outcome.status for outcome in outcomes] == ["ok", "revoked", "failed"]
    assert outcomes[2].error == "RuntimeError: no key in the vault for ***"
    held = many.query("select distinct account_id from raw_stripe.customers")
    assert held == [(tasks[0].account_id,)]
    assert set(many.cursors()) == {tasks[0].account_id}


def test_rows_of_an_account_that_failed_half_way_are_left_out(many: Rig) -> None:
    first, second, _ = many.tasks()

    def down(path: str, n: int) -> Fault | None:
        return (500, {}, b"") if path == "/v1/invoices" else None

    with faulty_stripe(second.api_base, down) as faulty:
        extraction, _ = many.sync([first, replace(second, api_base=faulty.url)])
        assert faulty.seen["/v1/customers"] > 0
    assert extraction.ok == (first.account_id,)
    for table in ("customers", "accounts", "syncs"):
        held = many.query(f"select distinct account_id from raw_stripe.{table}")
        assert held == [(first.account_id,)]


def test_a_credential_of_another_account_is_refused(many: Rig) -> None:
    mine, other, _ = many.tasks()
    swapped = AccountTask(mine.account_id, other.authorise, other.api_base)
    (outcome,) = many.extract([swapped]).outcomes.values()
    assert outcome.status == "failed"
    assert f"opens account {other.account_id}" in (outcome.error or "")


def test_accounts_are_read_side_by_side_and_all_are_equal(many: Rig) -> None:
    many.sync()
    assert many.differences() == []
    many.simulator.advance(days=1)
    many.sync()
    assert many.differences() == []
    assert set(many.cursors()) == set(many.account_ids)


def test_progress_tells_of_every_stream_and_ends_with_the_outcome(many: Rig) -> None:
    told: list[Progress] = []
    (task, *_) = many.tasks()
    extraction = extract_accounts(
        [task],
        work_dir=many.work_dir,
        run_id="one",
        on_progress=told.append,
        retries=IMPATIENT,
    )
    rows = extraction.outcomes[task.account_id].rows
    done = {each.stream: each.objects for each in told if each.phase == "done"}
    assert done == rows
    assert len(told) > len(done)


def test_days_are_listed_again_beside_the_changes(rig: Rig) -> None:
    rig.sync()
    rig.simulator.requests()
    days = (date(2026, 11, 1), date(2026, 11, 3))
    extraction, _ = rig.sync(days=days)
    (outcome,) = extraction.outcomes.values()
    assert outcome.mode == "reimport"
    first = datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None)
    last = datetime(2026, 11, 4, tzinfo=UTC).replace(tzinfo=None)
    again = rig.query(
        "select count(*), bool_and(created >= ? and created < ?) from raw_stripe.charges"
        " where _dlt_load_id = (select max(_dlt_load_id) from raw_stripe.charges)",
        first,
        last,
    )
    expected = rig.query(
        "select count(distinct id) from raw_stripe.charges where created >= ? and created < ?",
        first,
        last,
    )
    assert again == [(expected[0][0], True)]
    assert rig.query("select count(distinct history_start) from raw_stripe.syncs") == [(1,)]
    assert rig.differences() == []


def test_days_before_the_history_extend_it_without_a_hole(rig: Rig) -> None:
    rig.sync()
    start = min(cursor.history_start for cursor in rig.cursors().values()).date()
    rig.sync(days=(date(2026, 5, 1), date(2026, 5, 2)))
    assert {cursor.history_start.date() for cursor in rig.cursors().values()} == {start}
    rig.sync(days=(date(2026, 8, 1), start))
    assert {cursor.history_start.date() for cursor in rig.cursors().values()} == {date(2026, 8, 1)}
    assert rig.differences() == []


def test_a_first_import_of_days_reaches_now(rig: Rig) -> None:
    rig.sync(days=(date(2026, 10, 1), date(2026, 10, 31)))
    assert {c.history_start.date() for c in rig.cursors().values()} == {date(2026, 10, 1)}
    assert rig.differences() == []
