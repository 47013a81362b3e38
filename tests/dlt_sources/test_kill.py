"""Killed at any moment and run again, the warehouse ends as if nothing had happened."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlt_sources.stripe import load_extraction
from tests.dlt_sources.killable import KillServer
from tests.dlt_sources.rig import Rig, running_simulator

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server() -> Iterator[KillServer]:
    running = KillServer()
    yield running
    running.close()


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, dict[str, int]]]:
    """A whole package that is not loaded, and the rows that it brings."""
    with running_simulator("--preset", "tiny", "--now", "2026-11-20T12:00:00Z") as simulator:
        rig = Rig(simulator, tmp_path_factory.mktemp("extracted"))
        extraction = rig.extract()
        rows = dict(extraction.outcomes[rig.account_ids[0]].rows)
        yield rig, {**rows, "syncs": 1}


def load_killed_at(
    points: list[float],
    extracted: tuple[Rig, dict[str, int]],
    server: KillServer,
    home: Path,
) -> int:
    """Load with a kill at each of `points` (share of the whole load), and once more after it.

    Returns:
        How many were killed; the others had ended already.
    """
    original, expected = extracted

    def fresh(name: str) -> Rig:
        rig = Rig(original.simulator, home / name)
        shutil.copytree(original.work_dir, rig.work_dir)
        return rig

    whole = fresh("whole")
    places = {"work_dir": str(whole.work_dir), "warehouse": str(whole.warehouse)}
    total = server.run("load", **places)["events"]
    assert total and whole.rows() == expected
    killed = 0
    for point in points:
        rig = fresh(f"killed-{point}")
        places = {"work_dir": str(rig.work_dir), "warehouse": str(rig.warehouse)}
        killed += server.run("load", **places, die_at=1 + int(point * total))["killed"]
        load_extraction(rig.work_dir, warehouse=rig.warehouse)
        assert rig.rows() == expected, f"killed at {point} of the load"
        assert rig.query("select count(*) from raw_stripe._dlt_loads") == [(1,)]
        assert load_extraction(rig.work_dir, warehouse=rig.warehouse).runs == ()
        assert rig.rows() == expected, "loading again loads nothing again"
        shutil.rmtree(rig.home)
    assert killed >= len(points) * 0.8, "the kills must happen for this to mean anything"
    return killed


def test_kill_while_loading(
    extracted: tuple[Rig, dict[str, int]], server: KillServer, tmp_path: Path
) -> None:
    load_killed_at([0.2, 0.5, 0.7, 0.85, 0.97], extracted, server, tmp_path)


@pytest.mark.long
def test_kill_while_loading_anywhere(
    extracted: tuple[Rig, dict[str, int]],
    server: KillServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chance = random.Random(4)
    killed = load_killed_at([chance.random() for _ in range(150)], extracted, server, tmp_path)
    with capsys.disabled():
        print(f"\n{killed} loads killed")


def extract_killed_at(points: list[float], rig: Rig, server: KillServer) -> int:
    """Import with a kill at each of `points` (share of the whole), and in peace after each.

    Returns:
        How many were killed; the others had ended already.
    """
    account = rig.simulator.accounts[0]
    options = {
        "account": account["account"],
        "key": account["api_key"],
        "url": rig.simulator.url,
    }
    home = rig.home
    total = server.run("extract", work_dir=str(home / "whole"), **options)["events"]
    killed = 0
    for point in points:
        rig.home = home / f"killed-{point}"
        die_at = 1 + int(point * total)
        killed += server.run("extract", work_dir=str(rig.work_dir), **options, die_at=die_at)[
            "killed"
        ]
        left = (rig.work_dir / "killed").is_dir()
        whole = (rig.work_dir / "killed" / "complete").exists()
        _, report = rig.sync()
        assert report.discarded == (("killed",) if left and not whole else ())
        assert rig.differences() == [], f"killed at {point} of the extraction"
        assert list(rig.work_dir.iterdir()) == []
        shutil.rmtree(rig.home)
    return killed


def test_kill_while_extracting(rig: Rig, server: KillServer) -> None:
    assert extract_killed_at([0.4, 0.9], rig, server) > 0


@pytest.mark.long
def test_kill_while_extracting_anywhere(
    rig: Rig, server: KillServer, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(5)
    killed = extract_killed_at([chance.random() for _ in range(60)], rig, server)
    assert killed >= 40, "the kills must happen for this to mean anything"
    with capsys.disabled():
        print(f"\n{killed} extractions killed")
