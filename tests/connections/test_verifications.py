"""What sweeps found is kept, and the newest one is found again."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from connections.models import RequestKind, SyncOutcome, Verification
from connections.syncs import begin_sync, record_outcome
from connections.verifications import (
    last_verifications,
    record_verification,
    sweep_positions,
    verifications_of_run,
)
from tests.connections.conftest import NOW

AddAccount = Callable[..., str]


def found(run_id: str, stream: str, at: datetime, **counts: object) -> Verification:
    values: dict[str, object] = {
        "scope": 10,
        "compared": 10,
        "equal": 10,
        "missing": 0,
        "gone": 0,
        "changed": 0,
        "moving": 0,
        "unchecked": 0,
        "repaired": 0,
        "resume_at": None,
        "drift": [],
    }
    return Verification(
        run_id=run_id,
        account_id="acct_A1",
        stream=stream,
        verified_at=at,
        **{**values, **counts},
    )


def test_the_newest_sweep_of_an_account_is_its_last(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    earlier = NOW - timedelta(days=7)
    record_verification(engine, [found("one", "charges", earlier), found("one", "prices", earlier)])
    named = [{"id": "ch_1", "kind": "changed", "fields": ["status"]}]
    drifted = found("two", "charges", NOW, equal=9, changed=1, repaired=1, drift=named)
    record_verification(engine, [drifted])
    last = last_verifications(engine)["acct_A1"]
    assert (last.run_id, last.found, last.remaining, last.covered_percent) == ("two", 1, 0, 100)
    assert [stream.drift for stream in last.streams] == [named]
    assert last_verifications(engine, ["acct_unknown"]) == {}
    assert [row.stream for row in verifications_of_run(engine, "one")["acct_A1"].streams] == [
        "charges",
        "prices",
    ]


def test_of_two_sweeps_of_one_second_the_later_is_the_last(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    for minutes, run_id in enumerate(("b", "c", "a")):
        instant = NOW + timedelta(minutes=minutes)
        begin_sync(engine, run_id, ["acct_A1"], RequestKind.VERIFY, now=instant)
        record_verification(engine, [found(run_id, "charges", NOW, resume_at=minutes)])
        record_outcome(engine, run_id, "acct_A1", SyncOutcome.OK, now=instant)
    assert last_verifications(engine)["acct_A1"].run_id == "a"
    assert sweep_positions(engine, ["acct_A1"])["acct_A1"]["charges"] == (NOW, 2)


def test_a_sweep_by_parts_says_where_it_goes_on_and_how_much_it_covered(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    earlier = NOW - timedelta(days=7)
    record_verification(engine, [found("one", "prices", earlier)])
    part = found("two", "charges", NOW, scope=1000, compared=300, equal=300, resume_at=1_700_000)
    record_verification(engine, [part])
    assert last_verifications(engine)["acct_A1"].covered_percent == 30
    assert sweep_positions(engine, ["acct_A1"]) == {
        "acct_A1": {"prices": (earlier, None), "charges": (NOW, 1_700_000)}
    }


def test_a_step_that_is_tried_again_replaces_what_it_found(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    record_verification(engine, [found("one", "charges", NOW, equal=9, gone=1)])
    assert last_verifications(engine)["acct_A1"].remaining == 1
    record_verification(engine, [found("one", "charges", NOW)])
    assert last_verifications(engine)["acct_A1"].remaining == 0


def test_counts_that_do_not_add_up_are_refused(engine: Engine, add_account: AddAccount) -> None:
    add_account()
    with pytest.raises(IntegrityError):
        record_verification(engine, [found("one", "charges", NOW, equal=9)])
