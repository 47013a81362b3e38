"""A run's directory: who works on it, and what stage it reached."""

import fcntl
import os
import threading
from pathlib import Path

import pytest

from dlt_sources.stripe import load_extraction
from dlt_sources.stripe.runs import RunBusy, RunDirectory


def test_a_run_is_seen_only_once_it_is_held(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, "one") as run:
        assert RunDirectory.below(tmp_path) == [run]
        with pytest.raises(RunBusy), run.locked():
            pass
    with run.locked():
        pass


def test_what_was_left_before_a_run_had_its_name_is_no_run(tmp_path: Path) -> None:
    (tmp_path / ".new-dead").mkdir()
    (tmp_path / ".new-dead" / "lock").touch()
    assert RunDirectory.below(tmp_path) == []
    assert RunDirectory.below(tmp_path / "nothing") == []

    with RunDirectory.create(tmp_path, "one") as run:
        # The next load, of whatever run, takes it away, and nothing that is alive.
        load_extraction(tmp_path, warehouse=tmp_path / "warehouse.duckdb")
        assert list(tmp_path.iterdir()) == [run.path]


def test_a_whole_run_is_not_extracted_again(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, "one") as run:
        run.mark_complete({})
        with pytest.raises(RunBusy), RunDirectory.create(tmp_path, "one"):
            pass
    with pytest.raises(ValueError, match="load it first"), RunDirectory.create(tmp_path, "one"):
        pass


def test_a_retry_discards_what_a_killed_try_left(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, "one") as run:
        (run.path / "half").touch()
    with RunDirectory.create(tmp_path, "one") as again:
        assert not (again.path / "half").exists()
        assert RunDirectory.below(tmp_path) == [again]


def test_a_run_is_complete_when_its_rows_are_told(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path, "one") as run:
        assert run.complete_rows() is None
        run.mark_complete({"charges": 3})
        assert run.complete_rows() == {"charges": 3}
        run.remove()
    assert RunDirectory.below(tmp_path) == []


def test_a_run_that_is_being_named_is_not_taken_for_a_dead_one(tmp_path: Path) -> None:
    (tmp_path / ".new-alive").mkdir()
    naming = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(naming, fcntl.LOCK_EX)
    cleaner = threading.Thread(target=RunDirectory.discard_unnamed, args=(tmp_path,))
    cleaner.start()
    (tmp_path / ".new-alive").rename(tmp_path / "alive")
    os.close(naming)
    cleaner.join()
    assert [path.name for path in tmp_path.iterdir()] == ["alive"]
