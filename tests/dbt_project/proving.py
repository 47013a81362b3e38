"""Builds the marts of simulated worlds and compares every number with two other computations.

Belongs here: the walk through a world (import, later syncs), used by the tests and as a command:

    python -m tests.dbt_project.proving --preset tiny --seeds 1-20

The ledger knows the world's decisions, the oracle reads the same Stripe objects as dbt does.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from stripe_simulator.ledger import default_history_start, truth
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import build_world
from tests.dbt_project.building import dbt, rows
from tests.dbt_project.comparing import Comparison, compare
from tests.dbt_project.landing import Load, land
from tests.dbt_project.worlds import DAY, Reader
from tests.oracle.days import Oracle

NOW = int(dt.datetime(2026, 3, 20, 15, 30, tzinfo=dt.UTC).timestamp())
START = (NOW - 400 * DAY) // DAY * DAY
# A first import, a sync an hour and a half after midnight the next day, a week and 20 days later.
# Presets that stage changes which leave no dated trace once their events are gone.
UNTRACED = ("every-case",)
STEPS = (0, DAY + 36_000, 7 * DAY, 20 * DAY)


def prove(
    folder: Path, preset: str, seed: int, steps: Sequence[int] = STEPS, **rates: object
) -> Iterator[tuple[str, Comparison]]:
    """Walk through a world; after each sync compare all accounts with ledger and oracle.

    Args:
        folder: Where the warehouse is made.
        preset: The world's preset.
        seed: The world's seed.
        steps: Seconds from one sync to the next.
        rates: Rates that differ from the preset's.

    Yields:
        What was compared, and the comparison.
    """
    warehouse = folder / "warehouse.duckdb"
    store = ObjectStore()
    world = build_world(preset, seed, START, NOW, store, **rates)
    history_start = default_history_start(NOW)
    readers = [Reader(world, store, account.id, history_start) for account in world.accounts]
    loads: dict[str, list[Load]] = {reader.account: [] for reader in readers}
    for step in steps:
        if step:
            world.advance(world.now + step)
        with duckdb.connect(str(warehouse)) as connection:
            for reader in readers:
                loads[reader.account].append(reader.load())
                land(connection, loads[reader.account][-1])
        dbt(warehouse, "build")
        for reader in readers:
            built = rows(
                warehouse,
                "select * from marts.metrics_daily where account_id = ?",
                [reader.account],
            )
            oracle = Oracle(loads[reader.account])
            ledger = truth(
                world,
                reader.account,
                oracle.first_day,
                oracle.today,
                history_start=history_start,
                first_sync=NOW,
            )
            exact_from = oracle.readings.day(oracle.readings.watched_from)
            name = f"{preset} {seed} {reader.account} {oracle.today}"
            yield (
                f"{name} ledger",
                compare(
                    built,
                    ledger,
                    oracle.first_day,
                    exact_from=exact_from if preset in UNTRACED else None,
                ),
            )
            yield (
                f"{name} oracle",
                compare(built, oracle.numbers(), oracle.first_day, complete=True),
            )


def main() -> int:
    """Prove a range of seeds; the exit code is 1 if any value differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--seeds", default="1-3", help="such as 1-20 or 7")
    parser.add_argument("--once", action="store_true", help="the first import only")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    compared = differing = 0
    for seed in range(int(first), int(last or first) + 1):
        with tempfile.TemporaryDirectory() as folder:
            steps = STEPS[:1] if options.once else STEPS
            for name, outcome in prove(Path(folder), options.preset, seed, steps):
                print(f"{name}: {outcome}")
                print("".join(f"    {line}\n" for line in outcome.differences[:10]), end="")
                compared += outcome.compared
                differing += len(outcome.differences)
    print(f"{compared} values compared, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
