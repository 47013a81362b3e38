"""Unfinished work on disk: what is found again, and what is not gone on with."""

from pathlib import Path

import pytest

from dlt_sources.stripe.errors import StripeReadError
from dlt_sources.stripe.journal import (
    RESUME_WITHIN,
    Checkpoint,
    Held,
    Journal,
    Part,
    remove_abandoned,
)
from dlt_sources.stripe.rows import Rows
from dlt_sources.stripe.windows import Window

TASK = {"account": "acct_1", "history": 90}
LEFT = (
    Part("invoices", (), Window(0, 100, "in_7"), 50),
    Part("events", (("types[]", "price.deleted"),), Window(10, 20)),
    Held("subscriptions", "sub_1"),
)
CHECKPOINT = Checkpoint(TASK, 1000, 990, 5, frozenset({"evt_1"}), {"charges": 2}, 7, LEFT)


def write(journal: Journal, ids: list[str], checkpoint: Checkpoint | None = CHECKPOINT) -> None:
    rows = Rows()
    for each in ids:
        rows.append({"id": each}, 1, 1)
    journal.write({"charges": rows.to_table("acct_1")}, {"customers": {"cus_1"}}, checkpoint)


def ids_of(journal: Journal) -> list[str]:
    return [each for table in journal.tables("charges", ["id"]) for each in table["id"].to_pylist()]


def test_rows_and_checkpoint_are_found_again(tmp_path: Path) -> None:
    first = Journal(tmp_path / "all" / "acct_1")
    write(first, ["ch_1", "ch_2"])
    write(first, ["ch_3"])
    first.close()
    second = Journal(tmp_path / "all" / "acct_1")
    assert second.restore(TASK, 1000) == (CHECKPOINT, None)
    assert ids_of(second) == ["ch_1", "ch_2", "ch_3"]
    assert [table.to_pylist() for table in second.named("customers")] == [[{"id": "cus_1"}]] * 2
    assert list(second.named("charges")) == []
    second.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_segment_that_has_no_name_yet_does_not_count(tmp_path: Path) -> None:
    first = Journal(tmp_path / "all" / "acct_1")
    write(first, ["ch_1"])
    first.close()
    (tmp_path / "all" / "acct_1" / "new").mkdir()
    (tmp_path / "all" / "acct_1" / "new" / "charges.arrow").write_bytes(b"half")
    second = Journal(tmp_path / "all" / "acct_1")
    assert second.restore(TASK, 1000) == (CHECKPOINT, None)
    assert ids_of(second) == ["ch_1"]
    write(second, ["ch_2"])
    assert ids_of(second) == ["ch_1", "ch_2"]


@pytest.mark.parametrize(
    ("task", "now", "reason"),
    [
        ({**TASK, "history": 30}, 1000, "it had another history"),
        (TASK, 1000 + RESUME_WITHIN + 3600, "it began 73 hours ago"),
        (TASK, 900, "it began 0 hours ago"),
    ],
)
def test_what_is_stale_is_discarded_with_a_word(
    tmp_path: Path, task: dict[str, object], now: int, reason: str
) -> None:
    first = Journal(tmp_path / "all" / "acct_1")
    write(first, ["ch_1"])
    first.close()
    second = Journal(tmp_path / "all" / "acct_1")
    assert second.restore(task, now) == (None, f"unfinished work was discarded: {reason}")
    assert list(tmp_path.iterdir()) == []


def test_what_made_room_before_the_first_checkpoint_is_discarded(tmp_path: Path) -> None:
    first = Journal(tmp_path / "all" / "acct_1")
    write(first, ["ch_1"], checkpoint=None)
    first.close()
    second = Journal(tmp_path / "all" / "acct_1")
    assert second.restore(TASK, 1000) == (None, None)
    assert ids_of(second) == []


def test_a_checkpoint_of_another_version_is_discarded(tmp_path: Path) -> None:
    first = Journal(tmp_path / "all" / "acct_1")
    write(first, ["ch_1"])
    first.close()
    (tmp_path / "all" / "acct_1" / "00000001" / "checkpoint").write_bytes(
        b'{"landed":[],"left":[]}'
    )
    _, reason = Journal(tmp_path / "all" / "acct_1").restore(TASK, 1000)
    assert reason == "unfinished work was discarded: its checkpoint is of another version"


def test_work_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    first = Journal(tmp_path / "all" / "acct_1")
    write(first, ["ch_1"])
    with pytest.raises(StripeReadError, match="another process is reading acct_1"):
        Journal(tmp_path / "all" / "acct_1").restore(TASK, 1000)
    after = (tmp_path / "all" / "acct_1").stat().st_mtime + RESUME_WITHIN + 1
    assert remove_abandoned(tmp_path / "all", after) == []
    first.close()
    assert remove_abandoned(tmp_path / "all", after - 2) == []
    assert remove_abandoned(tmp_path / "all", after) == ["acct_1"]
    assert remove_abandoned(tmp_path / "all", after) == []
