"""Readers at the published files while builds are published: errors, torn reads, slower publishes.

    python -m benchmarks.readers [--publishes 100] [--pause 0.05]

Starts six readers, each a process that opens its file anew for every read: DuckDB on the file of
all accounts (two) and on one account's, SQLAlchemy through duckdb-engine (two, in a throw-away
environment from the package index) and Parquet. Publishes half of the builds with them and half
without, in turns of ten, and prints what the readers saw and how long the publishes took. The exit
code is 1 if a read failed or was torn, or a reader saw fewer than two builds. The ratio of the two
times is printed and not judged: on a machine whose processors are all busy it measures the
processors, not the files; --pause makes the readers slower.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import reader_process
from connections.publishing import Publish
from orchestration.copies import publish_copies
from orchestration.publish import publish_marts
from tests.orchestration.warehouses import set_clock

READERS = ("duckdb", "duckdb", "account", "sqlalchemy", "sqlalchemy", "parquet")
_TURN = 10


class Builds:
    """A warehouse whose builds each write their number into every table."""

    def __init__(self, directory: Path, accounts: int = 5, rows: int = 2000) -> None:
        self.warehouse = directory / "warehouse.duckdb"
        self.published = directory / "published"
        self._shape = (accounts, rows)
        self.number = 0

    def publish(self) -> float:
        """Build and publish the next number; returns the seconds that publishing took."""
        self.number += 1
        accounts, rows = self._shape
        set_clock(self.warehouse, {f"acct_{n}": self.number for n in range(accounts)})
        with duckdb.connect(str(self.warehouse)) as connection:
            for table, column in (("fct_payments", "amount"), ("metrics_daily", "gross_revenue")):
                connection.execute(
                    f"create or replace table marts.{table} as select 'acct_' || n % {accounts}"
                    f" as account_id, n as id, {self.number}::decimal(18, 3) as {column}"
                    f" from range({rows * (1 + self.number % 3)}) t(n)"
                )
        began = time.perf_counter()
        publish_marts(self.warehouse, self.published, str(self.number))
        publish_copies(self.published, frozenset(Publish))
        return time.perf_counter() - began


@contextmanager
def reading(
    builds: Builds, kinds: Sequence[str], pythons: dict[str, Path], pause: float
) -> Iterator[list[dict[str, Any]]]:
    """Let readers read while the block lasts; what they saw is in the list afterwards."""
    stop = builds.published.with_name("stop")
    script = str(reader_process.__file__)
    readers = [
        subprocess.Popen(
            [
                *[pythons.get(kind, sys.executable), script, kind],
                *[builds.published, stop, str(pause)],
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        for kind in kinds
    ]
    seen: list[dict[str, Any]] = []
    try:
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        yield seen
    finally:
        stop.touch()
        for kind, reader in zip(kinds, readers, strict=True):
            answer, _ = reader.communicate()
            seen.append({"kind": kind, **json.loads(answer.splitlines()[-1])})
        stop.unlink()


def environment_with_sqlalchemy(directory: Path) -> Path:
    """Make a throw-away environment with duckdb-engine; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    python = directory / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = ["duckdb-engine", f"duckdb=={duckdb.__version__}", "sqlalchemy<2.1"]
    subprocess.run([*pip, "--only-binary", ":all:", *wanted], check=True)
    return python


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publishes", type=int, default=100)
    parser.add_argument("--pause", type=float, default=0.05)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        pythons = {"sqlalchemy": environment_with_sqlalchemy(Path(scratch) / "environment")}
        builds = Builds(Path(scratch))
        builds.publish()
        alone: list[float] = []
        beside: list[float] = []
        seen: list[dict[str, Any]] = []
        while len(beside) < options.publishes:
            alone += [builds.publish() for _ in range(_TURN)]
            with reading(builds, READERS, pythons, options.pause) as found:
                beside += [builds.publish() for _ in range(_TURN)]
            seen += found
    failed = False
    print(f"{'reader':<12}{'reads':>8}{'builds seen':>13}{'errors':>8}{'torn':>6}")
    for kind in dict.fromkeys(READERS):
        each = [reader for reader in seen if reader["kind"] == kind]
        errors = [error for reader in each for error in reader["errors"]]
        torn = sum(reader["torn"] for reader in each)
        numbers = {number for reader in each for number in reader["builds"]}
        reads = sum(reader["reads"] for reader in each)
        print(f"{kind:<12}{reads:>8,}{len(numbers):>13,}{len(errors):>8}{torn:>6}")
        for error in errors[:3]:
            print(f"  {error}")
        failed |= bool(errors or torn) or len(numbers) < 2
    medians = statistics.median(alone), statistics.median(beside)
    print(
        f"publishes: {len(alone)} alone, median {medians[0] * 1000:.0f} ms; {len(beside)} beside "
        f"{len(READERS)} readers, {medians[1] * 1000:.0f} ms; ratio {medians[1] / medians[0]:.2f}"
    )
    sys.exit(failed)


if __name__ == "__main__":
    main()
