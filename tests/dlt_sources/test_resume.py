"""An import that was killed or failed goes on from its checkpoints and loses nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlt_sources.stripe import AccountTask, extract_accounts, load_extraction
from dlt_sources.stripe.limiter import SANDBOX
from tests.dlt_sources.faulty import Fault, faulty_stripe
from tests.dlt_sources.rig import IMPATIENT, ROOT, Rig, Simulator, running_simulator

pytestmark = pytest.mark.e2e

IMPORTER = Path(__file__).with_name("importer.py")

LOST_BY_A_KILL = 2 * SANDBOX.concurrency
"""Requests that one kill may cost: those in flight, and as many whose rows were being written."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    world = ("--preset", "demo", "--set", "customers_per_day=1.5")
    with running_simulator(*world, "--now", "2026-11-20T12:00:00Z") as running:
        yield running


@pytest.fixture(scope="module")
def whole(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Requests of an import that nothing disturbs."""
    rig = Rig(simulator, tmp_path_factory.mktemp("whole"))
    outcome = rig.extract().outcomes[rig.account_ids[0]]
    assert outcome.status == "ok" and outcome.note is None
    return outcome.requests


class Killed:
    """Imports an account through a proxy that kills the importer at a given request."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.account = rig.simulator.accounts[0]
        self.requests = 0
        self._die_at: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started = threading.Event()
        self._lock = threading.Lock()

    def fault(self, path: str, n: int) -> Fault | None:
        self._started.wait()
        with self._lock:
            self.requests += 1
            due = self.requests == self._die_at
        if due and self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            return "hang up"
        return None

    def run(self, url: str, run_id: str, die_at: int | None) -> bool:
        """Import until the request `die_at` of all runs; tells whether it came to its end."""
        self._die_at = die_at
        self._started.clear()
        options = {
            "account": self.account["account"],
            "key": self.account["api_key"],
            "url": url,
            "work_dir": str(self.rig.work_dir),
            "run_id": run_id,
        }
        self._process = subprocess.Popen(
            [sys.executable, str(IMPORTER), json.dumps(options)], cwd=ROOT
        )
        self._started.set()
        code = self._process.wait()
        assert code in (0, -signal.SIGKILL)
        return code == 0


def resume_after_kills_at(
    points: list[float], whole: int, simulator: Simulator, home: Path
) -> None:
    """Kill one import at each of `points` (shares of the whole), then let it end."""
    rig = Rig(simulator, home)
    began = simulator.control("health")["now"]
    killed = Killed(rig)
    kept = False
    with faulty_stripe(simulator.url, killed.fault) as proxy:
        for n, point in enumerate(sorted(points)):
            # Two points may be one request.
            die_at = max(3, killed.requests + 1, int(point * whole))
            assert not killed.run(proxy.url, f"try-{n}", die_at)
            kept = kept or any(rig.work_dir.rglob("checkpoint"))
            # T0 must stay that of the first try whose rows are kept, or what happens now is lost.
            simulator.advance(days=0.02)
            if not kept:
                began = simulator.control("health")["now"]
        assert killed.run(proxy.url, "last", None)
    assert killed.requests <= whole + LOST_BY_A_KILL * len(points) + 20
    report = load_extraction(rig.work_dir, warehouse=rig.warehouse)
    assert report.runs == ("last",)
    assert list(rig.work_dir.iterdir()) == [], "nothing is left of the tries"
    [(t0, cursor)] = rig.query(
        "select epoch(started_at)::bigint, events_cursor from raw_stripe.syncs"
    )
    assert (t0, cursor) == (began, began - 60)
    rig.sync()
    assert rig.differences() == []


def test_a_killed_import_goes_on(simulator: Simulator, whole: int, tmp_path: Path) -> None:
    resume_after_kills_at([0.3, 0.75], whole, simulator, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(15))
def test_an_import_killed_anywhere_goes_on(
    simulator: Simulator, whole: int, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    resume_after_kills_at(
        [chance.random() for _ in range(1 + seed % 4)], whole, simulator, tmp_path
    )


def test_a_failed_import_goes_on(simulator: Simulator, whole: int, tmp_path: Path) -> None:
    rig = Rig(simulator, tmp_path)
    healthy = threading.Event()

    def fault(path: str, n: int) -> Fault | None:
        broken = path == "/v1/charges" and n >= 10 and not healthy.is_set()
        return (500, {}, b"{}") if broken else None

    account = simulator.accounts[0]
    with faulty_stripe(simulator.url, fault) as proxy:
        rig.api_base = proxy.url
        first = rig.extract().outcomes[account["account"]]
        assert first.status == "failed"
        healthy.set()
        extraction = rig.extract()
    second = extraction.outcomes[account["account"]]
    assert second.status == "ok"
    assert second.note is not None and second.note.startswith("went on from")
    assert second.requests < whole, "the second try does not begin anew"
    load_extraction(extraction, warehouse=rig.warehouse)
    assert rig.rows()["charges"] == second.rows["charges"]
    assert rig.differences() == []


def test_another_task_begins_anew_and_says_so(simulator: Simulator, tmp_path: Path) -> None:
    rig = Rig(simulator, tmp_path)
    killed = Killed(rig)
    account = simulator.accounts[0]
    with faulty_stripe(simulator.url, killed.fault) as proxy:
        assert not killed.run(proxy.url, "first", 60)
        task = AccountTask(
            account["account"],
            lambda: {"Authorization": f"Bearer {account['api_key']}"},
            proxy.url,
            history_days=30,
            authorisation="connected anew",
        )
        extraction = extract_accounts(
            [task], work_dir=rig.work_dir, run_id="second", retries=IMPATIENT
        )
    outcome = extraction.outcomes[account["account"]]
    assert outcome.status == "ok"
    assert outcome.note == "unfinished work was discarded: it had another authorisation, history"
    load_extraction(extraction, warehouse=rig.warehouse)
    assert rig.differences() == []
