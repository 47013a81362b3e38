"""Random schedules: whatever happens in whatever order, what follows, and who counts it."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlt_sources.stripe import load_extraction
from dlt_sources.stripe.models import Sweep
from dlt_sources.stripe.stored import WarehouseState
from tests.dlt_sources.faulty import Fault, FaultyStripe, faulty_stripe
from tests.dlt_sources.killable import EVENTS_OF_A_LOAD, KillServer
from tests.dlt_sources.rig import Rig, running_simulator
from tests.dlt_sources.test_faults import CURABLE, error

STEPS = 4
SLOWER_AT_TIMES = 1.3
"""How much longer than the last child the next may take, to draw the moment of its death from."""


@dataclass
class Stage:
    """A world that goes on from schedule to schedule, with its warehouse."""

    rig: Rig
    faulty: FaultyStripe
    server: KillServer
    chance: random.Random
    share: float = 0.0
    child_seconds: float = 2.0
    counts: Counter[str] = field(default_factory=Counter)
    done: list[str] = field(default_factory=list)

    def fault(self, path: str, n: int) -> Fault | None:
        """What is wrong with a request: nothing, something curable, or access itself."""
        if self.share == 1.0:
            self.counts["requests refused"] += 1
            return error(401, message="revoked for now")
        if self.chance.random() >= self.share:
            return None
        self.counts["faults"] += 1
        return self.chance.choice(CURABLE)

    # Deeds.

    def advance(self) -> None:
        self.rig.simulator.advance(days=self.chance.choice([0.001, 0.02, 0.3, 1, 3]))

    def long_gap(self) -> None:
        self.rig.simulator.advance(days=self.chance.uniform(26, 40))
        self.counts["gaps"] += 1

    def sync(self) -> None:
        self.rig.sync()

    def sync_in_a_storm(self) -> None:
        with self.trouble(self.chance.choice([0.1, 0.3, 0.6])):
            self.rig.sync()
        self.counts["storms"] += 1

    def sync_refused(self) -> None:
        with self.trouble(1.0):
            extraction, _ = self.rig.sync()
        (outcome,) = extraction.outcomes.values()
        assert outcome.status == "revoked"
        self.counts["revocations"] += 1

    def sync_with_a_sweep(self) -> None:
        """Whatever happened before: what has events, or will be read again, is not drift."""
        (task,) = self.rig.tasks()
        stored = WarehouseState(self.rig.warehouse, task.account_id, nullcontext)
        extraction, _ = self.rig.sync([replace(task, sweep=Sweep(stored))])
        (outcome,) = extraction.outcomes.values()
        assert outcome.error is None
        assert [each.named for each in outcome.findings if each.named] == [], self.done
        self.counts["sweeps"] += 1

    def extract_only(self) -> None:
        self.rig.extract()

    def killed_sync(self) -> None:
        """Killed wherever it is: reading, packing or loading."""
        with self.trouble(self.chance.choice([0.0, 0.0, 0.2])):
            self._kill("sync", kill_after=self.chance.random() * self.child_seconds)

    def killed_load(self) -> None:
        self.rig.extract()
        self._kill("load", die_at=self.chance.randrange(1, EVENTS_OF_A_LOAD))

    def finish_leftovers(self) -> None:
        load_extraction(self.rig.work_dir, warehouse=self.rig.warehouse)

    def _kill(self, what: str, **moment: float) -> None:
        rig = self.rig
        (account,) = rig.simulator.accounts
        rig.runs += 1
        answer = self.server.run(
            what,
            work_dir=str(rig.work_dir),
            warehouse=str(rig.warehouse),
            account=account["account"],
            key=account["api_key"],
            url=self.faulty.url,
            run_id=f"run-{rig.runs}",
            now=rig.simulator.control("health")["now"],
            **moment,
        )
        if not answer["killed"]:
            if "kill_after" in moment:
                self.child_seconds = answer["seconds"] * SLOWER_AT_TIMES
            self.counts["survived"] += 1
            return
        self.counts["kills"] += 1
        complete = any(rig.work_dir.glob("*/complete"))
        self.counts["kills with a whole package waiting" if complete else "kills before one"] += 1

    @contextmanager
    def trouble(self, share: float) -> Iterator[None]:
        self.share = share
        try:
            yield
        finally:
            self.share = 0.0

    def follow(self) -> None:
        """Do `STEPS` deeds, then sync in peace: nothing may differ."""
        deeds: list[Callable[[], None]] = [
            *[self.advance] * 4,
            self.long_gap,
            self.sync,
            *[self.sync_in_a_storm] * 2,
            self.sync_refused,
            self.sync_with_a_sweep,
            self.extract_only,
            *[self.killed_sync] * 3,
            self.killed_load,
            self.finish_leftovers,
        ]
        self.done = []
        for deed in self.chance.choices(deeds, k=STEPS):
            self.done.append(deed.__name__)
            deed()
        extraction, _ = self.rig.sync()
        assert [outcome.error for outcome in extraction.outcomes.values()] == [None], self.done
        assert self.rig.differences() == [], self.done
        left = [each.name for each in self.rig.work_dir.iterdir() if each.name != ".unfinished"]
        assert left == [], self.done
        self.counts["schedules"] += 1


def follow_schedules(seed: int, count: int, home: Path) -> Counter[str]:
    """Follow `count` schedules drawn by `seed`, each from where the last one ended.

    Returns:
        How much of what happened.
    """
    options = ("--preset", "tiny", "--seed", str(seed), "--now", "2026-11-20T12:00:00Z")
    server = KillServer()
    try:
        with (
            running_simulator(*options, "--start", "2026-08-01T00:00:00Z") as simulator,
            faulty_stripe(simulator.url, lambda path, n: None) as faulty,
        ):
            rig = Rig(simulator, home, api_base=faulty.url)
            stage = Stage(rig, faulty, server, random.Random(seed))
            faulty.fault = stage.fault
            for _ in range(count):
                stage.follow()
            return stage.counts
    finally:
        server.close()
