"""Builds the marts of simulated worlds and compares every number with two other computations.

Belongs here: the walk through worlds (import, later syncs), used by the tests and as a command:

    python -m tests.dbt_project.proving --preset tiny --seeds 1-20
    python -m tests.dbt_project.proving --drawn --seeds 1-200

The ledger knows the world's decisions, the oracle reads the same Stripe objects as dbt does.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from stripe_simulator.ledger import default_history_start, truth
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import build_world
from tests.dbt_project.building import dbt, rows
from tests.dbt_project.comparing import KEYS, Comparison, compare, compare_rows
from tests.dbt_project.knowing import Limits, limits
from tests.dbt_project.landing import Load, land
from tests.dbt_project.rates_drawn import drawn_rates, write
from tests.dbt_project.worlds import DAY, Reader
from tests.dbt_project.worlds_drawn import Chosen, drawn, of_preset
from tests.oracle.days import Oracle
from tests.oracle.marts import marts
from tests.oracle.readings import Readings

NOW = int(dt.datetime(2026, 3, 20, 15, 30, tzinfo=dt.UTC).timestamp())
START = (NOW - 400 * DAY) // DAY * DAY
# Worlds in one warehouse: a build costs nearly the same for one as for many.
SIDE_BY_SIDE = 20
# A first import, a sync an hour and a half after midnight the next day, a week and 20 days later.
STEPS = (0, DAY + 36_000, 7 * DAY, 20 * DAY)


def prove(
    folder: Path, worlds: Sequence[Chosen], steps: Sequence[int] = STEPS
) -> Iterator[tuple[str, Comparison]]:
    """Walk through worlds side by side; after each sync compare all accounts with both.

    Args:
        folder: Where the one warehouse of all the worlds is made.
        worlds: The worlds.
        steps: Seconds from one sync to the next.

    Yields:
        What was compared, and the comparison.
    """
    warehouse = folder / "warehouse.duckdb"
    history_start = default_history_start(NOW)
    walks = [Walk(chosen, history_start) for chosen in worlds]
    end = NOW + sum(steps)
    rates = drawn_rates(worlds[0].seed, _utc_day(history_start - 5 * DAY), _utc_day(end))
    write(rates, folder / "exchange_rates.csv")
    choices = {
        "DASHTRAY_REPORTING_CURRENCY": rates.currency,
        "DASHTRAY_EXCHANGE_RATE_MAX_AGE_DAYS": str(rates.max_age),
    }
    for step in steps:
        with duckdb.connect(str(warehouse)) as connection:
            for walk in walks:
                walk.read(connection, step)
        dbt(warehouse, "build", environment=choices)
        built = _by_account(warehouse, "metrics_daily")
        beside = {mart: _by_account(warehouse, mart) for mart in KEYS}
        for walk in walks:
            for account, loads in walk.loads.items():
                oracle = Oracle(loads)
                ledger = truth(
                    walk.world,
                    account,
                    oracle.first_day,
                    oracle.today,
                    history_start=history_start,
                    first_sync=NOW,
                )
                name = f"{walk.chosen} {account} {oracle.today}"
                yield (
                    f"{name} ledger",
                    compare(
                        built[account],
                        ledger,
                        oracle.first_day,
                        limits=walk.limits(account, oracle.readings),
                    ),
                )
                numbers = oracle.numbers()
                yield (
                    f"{name} oracle",
                    compare(built[account], numbers, oracle.first_day),
                )
                for mart, expected in marts(oracle, numbers, rates).items():
                    yield (
                        f"{name} {mart} oracle",
                        compare_rows(beside[mart][account], expected, KEYS[mart]),
                    )


def _utc_day(at: int) -> dt.date:
    return dt.datetime.fromtimestamp(at, dt.UTC).date()


def _by_account(warehouse: Path, mart: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(warehouse, f"select * from marts.{mart}"):
        found[row["account_id"]].append(row)
    return found


class Walk:
    """One world on its way, and what each sync read of its accounts."""

    def __init__(self, chosen: Chosen, history_start: int) -> None:
        """Build the world as of the first import."""
        self.chosen = chosen
        self._history_start = history_start
        self._store = store = ObjectStore()
        self.world = build_world(chosen.preset, chosen.seed, START, NOW, store, **chosen.rates)
        self._readers = [
            Reader(self.world, store, account.id, history_start) for account in self.world.accounts
        ]
        self.loads: dict[str, list[Load]] = {reader.account: [] for reader in self._readers}

    def read(self, connection: duckdb.DuckDBPyConnection, seconds: int) -> None:
        """Let time pass and land what a sync reads then."""
        if seconds:
            self.world.advance(self.world.now + seconds)
        for reader in self._readers:
            self.loads[reader.account].append(reader.load())
            land(connection, self.loads[reader.account][-1])

    def limits(self, account: str, readings: Readings) -> Limits:
        """Return what the import of an account cannot know."""
        return limits(self.chosen, self.world, self._store, account, readings, self._history_start)


@dataclass
class Tally:
    """What was compared in all.

    Attributes:
        compared: How many values, by what they were compared with.
        marts: How many values, by mart.
        skipped: How many the ledger knows and no import of its window could, by reason.
        differing: How many differ.
        differences: The first few of each comparison.
    """

    compared: Counter[str] = field(default_factory=Counter)
    marts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    differing: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, name: str, outcome: Comparison) -> None:
        """Count one comparison."""
        *_, mart, computation = name.split()
        self.compared[computation] += outcome.compared
        self.marts[mart if mart in KEYS else "metrics_daily"] += outcome.compared
        self.skipped += outcome.skipped
        self.differing += len(outcome.differences)
        self.differences += [f"{name}: {line}" for line in outcome.differences[:10]]

    def __iadd__(self, other: Tally) -> Tally:
        """Add what another one counted."""
        self.compared += other.compared
        self.marts += other.marts
        self.skipped += other.skipped
        self.differing += other.differing
        self.differences += other.differences
        return self

    def __str__(self) -> str:
        """Say how many values were compared and how many differ."""
        return (
            f"{self.compared['oracle']} values compared with the oracle, "
            f"{self.compared['ledger']} with the ledger, {self.differing} differ, "
            f"{self.skipped.total()} not knowable from the imported window"
            + "".join(f"\n    {count}: {reason}" for reason, count in self.skipped.most_common())
        )


def prove_drawn(numbers: Sequence[int]) -> Tally:
    """Prove random worlds, some of them side by side in one warehouse, in steps of random length.

    Args:
        numbers: Of the worlds (`worlds_drawn.drawn`).
    """
    tally = Tally()
    for first in range(0, len(numbers), SIDE_BY_SIDE):
        batch = numbers[first : first + SIDE_BY_SIDE]
        chance = Random(batch[0])
        steps = [0, *(chance.randrange(3_600, 15 * DAY) for _ in range(3))]
        with tempfile.TemporaryDirectory() as folder:
            for name, outcome in prove(Path(folder), [drawn(number) for number in batch], steps):
                tally.add(name, outcome)
    return tally


def main() -> int:
    """Prove a range of seeds; the exit code is 1 if any value differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--seeds", default="1-3", help="such as 1-20 or 7")
    parser.add_argument("--once", action="store_true", help="the first import only")
    parser.add_argument("--drawn", action="store_true", help="seeds are numbers of random worlds")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    tally = Tally()
    for batch in [seeds[n : n + SIDE_BY_SIDE] for n in range(0, len(seeds), SIDE_BY_SIDE)]:
        if options.drawn:
            part = prove_drawn(batch)
        else:
            part = Tally()
            steps = STEPS[:1] if options.once else STEPS
            worlds = [of_preset(options.preset, seed) for seed in batch]
            with tempfile.TemporaryDirectory() as folder:
                for name, outcome in prove(Path(folder), worlds, steps):
                    part.add(name, outcome)
        print(f"{batch[0]} to {batch[-1]}: {part}", *part.differences, sep="\n    ", flush=True)
        tally += part
    print(f"{len(seeds)} worlds: {tally}")
    return 1 if tally.differing else 0


if __name__ == "__main__":
    sys.exit(main())
