"""How wrong each source of history alone is, beside the truth, and all of them together.

Belongs here: the report of `docs/metrics.md` §5, used by a test and as a command:

    python -m tests.dbt_project.history --seeds 1-10

A source alone means: it and today's state, which fills what it leaves open.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from stripe_simulator.ledger import default_history_start, truth
from stripe_simulator.ledger.calendar import Calendar
from tests.dbt_project.building import dbt, rows
from tests.dbt_project.proving import NOW, Walk
from tests.dbt_project.worlds import DAY
from tests.dbt_project.worlds_drawn import Chosen, drawn, of_preset

# dbt vars by source.
SOURCES: dict[str, dict[str, list[str]]] = {
    "current": {"history_sources": ["current"]},
    "invoice_line": {"history_sources": ["invoice_line"]},
    "event": {"history_sources": ["event"]},
    "observed": {"history_sources": ["observed"]},
    "all four": {},
}
# Days before the first sync (negative), or after it.
PERIODS = {
    "31-90 days before": (-90, -31),
    "last 30 days before": (-30, -1),
    "since the first sync": (0, 10_000),
}
# A sync every second day for a month.
STEPS = (0, *([2 * DAY + 3_600] * 14))
Closings = dict[tuple[str, str, dt.date], Decimal]


@dataclass
class Error:
    """How far a way of telling the past is off in a period.

    Attributes:
        days: Account-days looked at.
        wrong: Those whose MRR is not the true one.
        off: Sum over the days of the absolute differences as shares of the true MRR; days
            without true MRR count as wholly wrong or right.
    """

    days: int = 0
    wrong: int = 0
    off: Decimal = Decimal(0)

    def __str__(self) -> str:
        """Say which share of days is wrong and how much MRR is misplaced."""
        days = max(self.days, 1)
        return f"{100 * self.wrong / days:8.2f} % {100 * self.off / days:7.2f} %"


def report(
    folder: Path, worlds: Sequence[Chosen], sources: Iterable[str] = tuple(SOURCES)
) -> Iterator[tuple[str, str, Error]]:
    """Build the same loads with each source alone and with all of them.

    Args:
        folder: Where the one warehouse is made.
        worlds: The worlds.
        sources: Names of `SOURCES`.

    Yields:
        The source, the period, and its error in that period.
    """
    history_start = default_history_start(NOW)
    walks = [Walk(chosen, history_start) for chosen in worlds]
    warehouse = folder / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        for step in STEPS:
            for walk in walks:
                walk.read(connection, step)
    true: Closings = {}
    first_sync: dict[str, dt.date] = {}
    for walk in walks:
        for account, loads in walk.loads.items():
            calendar = Calendar(walk.world.account(account).timezone)
            first_sync[account] = calendar.day(NOW)
            known = truth(
                walk.world,
                account,
                calendar.day(history_start),
                calendar.day(loads[-1].read_at),
                history_start=history_start,
                first_sync=NOW,
            )
            for day, currencies in known.items():
                for currency, metrics in currencies.items():
                    true[account, currency, day] = Decimal(metrics["mrr"] or 0)
    for source in sources:
        dbt(
            warehouse,
            "run",
            "--full-refresh",
            "--select",
            "+metrics_daily",
            variables=SOURCES[source],
        )
        told: Closings = {
            (row["account_id"], row["currency"], row["day"]): row["mrr"]
            for row in rows(warehouse, "select * from marts.metrics_daily")
        }
        for period, (begin, end) in PERIODS.items():
            error = Error()
            for (account, currency, day), value in true.items():
                if begin <= (day - first_sync[account]).days <= end:
                    difference = abs(told[account, currency, day] - value)
                    error.days += 1
                    error.wrong += difference != 0
                    error.off += difference / value if value else Decimal(difference != 0)
            yield source, period, error


def both_kinds(seeds: Iterable[int]) -> list[Chosen]:
    """Return for each seed a tiny world and a random one in which edge cases are staged."""
    return [world for seed in seeds for world in (of_preset("tiny", seed), drawn(3 * seed))]


def main() -> int:
    """Print the table; the exit code is 1 if all four together are wrong where they must not."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", default="1-10", help="such as 1-20 or 7")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    worlds = both_kinds(range(int(first), int(last or first) + 1))
    print(f"{'source':13} {'period':21} {'wrong days':>10} {'of MRR':>9}")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for source, period, error in report(Path(folder), worlds):
            print(f"{source:13} {period:21} {error}", flush=True)
            failed |= source == "all four" and not period.startswith("31") and error.wrong > 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
