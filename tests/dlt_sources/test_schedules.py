"""Whatever happens in whatever order, the next undisturbed sync ends equal to Stripe."""

import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from dlt_sources.stripe import load_extraction
from tests.dlt_sources.faulty import Fault, faulty_stripe
from tests.dlt_sources.killable import EVENTS_OF_A_LOAD
from tests.dlt_sources.rig import Rig, running_simulator
from tests.dlt_sources.test_faults import CURABLE, error
from tests.dlt_sources.test_kill import run_killable

STEPS = 7


def follow_schedule(seed: int, home: Path) -> list[str]:
    """Do `STEPS` things drawn by `seed`, then sync in peace; returns what was done.

    The world advances, Stripe misbehaves more or less, the account is refused for a while, loads
    are killed or left for later, and months pass without a sync.
    """
    chance = random.Random(seed)
    share = 0.0

    def fault(path: str, n: int) -> Fault | None:
        if share == 1.0:
            return error(401, message="revoked for now")
        return chance.choice(CURABLE) if chance.random() < share else None

    with ExitStack() as stack:
        options = ("--preset", "tiny", "--seed", str(seed), "--now", "2026-11-20T12:00:00Z")
        simulator = stack.enter_context(running_simulator(*options))
        faulty = stack.enter_context(faulty_stripe(simulator.url, fault))
        rig = Rig(simulator, home, api_base=faulty.url)

        def advance() -> None:
            simulator.advance(days=chance.choice([0.001, 0.02, 0.3, 1, 3]))

        def long_gap() -> None:
            simulator.advance(days=chance.uniform(26, 40))

        def sync() -> None:
            rig.sync()

        def sync_in_a_storm() -> None:
            nonlocal share
            share = chance.choice([0.1, 0.3, 0.6])
            rig.sync()
            share = 0.0

        def sync_refused() -> None:
            nonlocal share
            share = 1.0
            rig.sync()
            share = 0.0

        def extract_only() -> None:
            rig.extract()

        def killed_load() -> None:
            rig.extract()
            run_killable(
                "load",
                work_dir=str(rig.work_dir),
                warehouse=str(rig.warehouse),
                die_at=chance.randrange(1, EVENTS_OF_A_LOAD),
            )

        def finish_leftovers() -> None:
            load_extraction(rig.work_dir, warehouse=rig.warehouse)

        deeds: list[Callable[[], None]] = [
            advance,
            advance,
            advance,
            long_gap,
            sync,
            sync_in_a_storm,
            sync_in_a_storm,
            sync_refused,
            extract_only,
            killed_load,
            killed_load,
            finish_leftovers,
        ]
        done = []
        for deed in chance.choices(deeds, k=STEPS):
            done.append(deed.__name__)
            deed()
        extraction, _ = rig.sync()
        assert [outcome.error for outcome in extraction.outcomes.values()] == [None], done
        assert rig.differences() == [], done
        return done


@pytest.mark.e2e
@pytest.mark.parametrize("seed", [1, 2])
def test_a_few_schedules_end_equal(seed: int, tmp_path: Path) -> None:
    follow_schedule(seed, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 180))
def test_many_schedules_end_equal(seed: int, tmp_path: Path) -> None:
    follow_schedule(seed, tmp_path)
