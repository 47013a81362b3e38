"""Killed at any moment and run again, the warehouse ends as if nothing had happened."""

import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlt_sources.stripe import load_extraction
from tests.dlt_sources.rig import ROOT, Rig, running_simulator

pytestmark = pytest.mark.e2e

KILLABLE = Path(__file__).with_name("killable.py")


def run_killable(what: str, **options: Any) -> int | None:
    """Run to the end and return the events counted, or `None` if it was killed."""
    done = subprocess.run(
        [sys.executable, str(KILLABLE), what, json.dumps(options)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, dict[str, int]]]:
    """A whole package that is not loaded, and the rows that it brings."""
    with running_simulator("--preset", "tiny", "--now", "2026-11-20T12:00:00Z") as simulator:
        rig = Rig(simulator, tmp_path_factory.mktemp("extracted"))
        extraction = rig.extract()
        rows = dict(extraction.outcomes[rig.account_ids[0]].rows)
        yield rig, {**rows, "syncs": 1}


def load_killed_at(points: list[float], extracted: tuple[Rig, dict[str, int]], home: Path) -> None:
    """Load with a kill at each of `points` (share of the whole load), and once more after it."""
    original, expected = extracted

    def fresh(name: str) -> Rig:
        rig = Rig(original.simulator, home / name)
        shutil.copytree(original.work_dir, rig.work_dir)
        return rig

    whole = fresh("whole")
    total = run_killable("load", work_dir=str(whole.work_dir), warehouse=str(whole.warehouse))
    assert total is not None and whole.rows() == expected
    killed = 0
    for point in points:
        rig = fresh(f"killed-{point}")
        places = {"work_dir": str(rig.work_dir), "warehouse": str(rig.warehouse)}
        killed += run_killable("load", **places, die_at=1 + int(point * total)) is None
        load_extraction(rig.work_dir, warehouse=rig.warehouse)
        assert rig.rows() == expected, f"killed at {point} of the load"
        assert rig.query("select count(*) from raw_stripe._dlt_loads") == [(1,)]
        assert load_extraction(rig.work_dir, warehouse=rig.warehouse).runs == ()
        assert rig.rows() == expected, "loading again loads nothing again"
    assert killed >= len(points) * 0.8, "the kills must happen for this to mean anything"


def test_kill_while_loading(extracted: tuple[Rig, dict[str, int]], tmp_path: Path) -> None:
    load_killed_at([0.2, 0.5, 0.7, 0.85, 0.97], extracted, tmp_path)


@pytest.mark.long
def test_kill_while_loading_anywhere(extracted: tuple[Rig, dict[str, int]], tmp_path: Path) -> None:
    chance = random.Random(4)
    load_killed_at([chance.random() for _ in range(200)], extracted, tmp_path)


def test_kill_while_extracting(rig: Rig) -> None:
    account = rig.simulator.accounts[0]
    options = {
        "work_dir": str(rig.work_dir),
        "account": account["account"],
        "key": account["api_key"],
        "url": rig.simulator.url,
    }
    total = run_killable("extract", **options)
    assert total is not None
    shutil.rmtree(rig.work_dir)
    assert run_killable("extract", **options, die_at=int(total * 0.4)) is None
    assert (rig.work_dir / "killed").is_dir()
    _, report = rig.sync()
    assert report.discarded == ("killed",)
    assert rig.differences() == []
    assert list(rig.work_dir.iterdir()) == []
