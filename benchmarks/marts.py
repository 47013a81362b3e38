"""How long the marts take at scale: from raw, after 1 % has changed, and when nothing has.

    python -m benchmarks.marts [--copies 100] [--accounts 20] [--cache DIR] [--one-at-a-time]

Makes (once, in the cache) a warehouse with a million charges, a million invoices with lines and
200,000 subscriptions, then builds and tests the models through the pipeline's own runner, each
build in a process of its own. Prints wall and CPU seconds, peak memory, what DuckDB spilled, the
memory that stays after the build, and the slowest nodes. With --one-at-a-time dbt runs one node
after another, so that CPU seconds can be told apart by node. The exit code is 1 when an aim is
missed: 90 s from raw, 30 s after a change of 1 %, 6 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import psutil

AIMS = {"full": 90.0, "tick": 30.0, "no change": 30.0}
MEMORY_AIM = 6e9
BENCHMARK_HOME = Path(tempfile.gettempdir()) / "dashtray-benchmarks"


class Watch:
    """The highest memory of this process and size of a folder while a block runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = psutil.Process()
        self._done = threading.Event()
        self.memory = 0
        self.spilled = 0

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.05):
            self.memory = max(self.memory, self._process.memory_info().rss)
            spilled = 0
            for file in self._folder.glob("*"):
                try:
                    spilled += file.stat().st_size
                except FileNotFoundError:
                    continue
            self.spilled = max(self.spilled, spilled)


def build(warehouse: Path, home: Path) -> dict[str, Any]:
    """Build and test the models in this process, as the pipeline does.

    Returns:
        Seconds, bytes, and for each node its name, wall and CPU seconds.
    """
    from orchestration.dbt_manifest import prepared_target
    from orchestration.dbt_runner import DbtBuild

    began = time.perf_counter()
    prepared = DbtBuild(prepared_target(home))
    preparing = time.perf_counter() - began
    process = psutil.Process()
    memory_before = process.memory_info().rss
    started: dict[str, float] = {}
    nodes = []
    began, cpu_began = time.perf_counter(), time.process_time()
    with Watch(warehouse.with_name(warehouse.name + ".tmp")) as watch:
        for event in prepared.events(warehouse, home / "work"):
            node = event["data"].get("node_info", {}).get("unique_id")
            if event["info"]["name"] == "NodeStart":
                started[node] = time.process_time()
            elif event["info"]["name"] == "NodeFinished":
                nodes.append(
                    {
                        "node": node,
                        "wall": event["data"]["run_result"].get("execution_time", 0),
                        "cpu": time.process_time() - started[node],
                    }
                )
    with duckdb.connect(str(warehouse)):  # Raises if the build left the file open for writing.
        pass
    return {
        "preparing": preparing,
        "wall": time.perf_counter() - began,
        "cpu": time.process_time() - cpu_began,
        "memory": watch.memory,
        "memory_before": memory_before,
        "memory_after": process.memory_info().rss,
        "spilled": watch.spilled,
        "nodes": nodes,
    }


def in_process_of_its_own(warehouse: Path, home: Path, one_at_a_time: bool) -> dict[str, Any]:
    """Call `build` in a new process, so that its memory is its own."""
    result = home / "result.json"
    environment = os.environ | ({"DASHTRAY_DBT_THREADS": "1"} if one_at_a_time else {})
    subprocess.run(
        [sys.executable, "-m", "benchmarks.marts", "--build", str(warehouse), str(home)],
        check=True,
        env=environment,
    )
    outcome: dict[str, Any] = json.loads(result.read_text())
    return outcome


def show(name: str, outcome: dict[str, Any], slowest: int, with_cpu: bool) -> None:
    """Print one build."""
    print(
        f"\n{name}: {outcome['wall']:.1f} s wall, {outcome['cpu']:.1f} s CPU,"
        f" {outcome['memory'] / 1e9:.2f} GB at most, {outcome['spilled'] / 1e9:.2f} GB spilled;"
        f" before {outcome['memory_before'] / 1e9:.2f} GB, after"
        f" {outcome['memory_after'] / 1e9:.2f} GB; preparing dbt {outcome['preparing']:.1f} s"
    )
    for kind in ("model", "test"):
        nodes = [each for each in outcome["nodes"] if each["node"].startswith(kind)]
        cpu = f", {sum(each['cpu'] for each in nodes):.1f} s CPU" if with_cpu else ""
        print(f"  {len(nodes)} {kind}s, {sum(each['wall'] for each in nodes):.1f} s wall{cpu}")
        for each in sorted(nodes, key=lambda each: -each["wall"])[:slowest]:
            cpu = f"{each['cpu']:>8.1f}" if with_cpu else ""
            print(f"    {each['wall']:>8.1f}{cpu}  {each['node'].split('.')[2]}")


def measure(options: argparse.Namespace) -> bool:
    """Build three times and print; whether all aims hold."""
    from benchmarks.raw_copies import NOW, Shape, land, land_syncs, prepared
    from dlt_sources.stripe.warehouse import writing

    shape = Shape(copies=options.copies, accounts=options.accounts, changed=options.changed)
    raw = prepared(options.cache, shape)
    counts = json.loads((raw / "counts.json").read_text())
    print(", ".join(f"{count:,} {stream}" for stream, count in counts.items()))
    holds = True
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        warehouse = Path(folder) / "warehouse.duckdb"
        shutil.copyfile(raw / "raw.duckdb", warehouse)
        for name in ("full", "tick", "no change"):
            if name == "tick":
                tick_at = int((raw / "tick" / "read_at").read_text())
                with writing(warehouse) as connection:
                    land(connection, raw / "tick", tick_at, shape, "2")
            elif name == "no change":
                with writing(warehouse) as connection:
                    land_syncs(connection, tick_at + 1800, shape, "3")
            outcome = in_process_of_its_own(warehouse, Path(folder), options.one_at_a_time)
            show(name, outcome, options.slowest, options.one_at_a_time)
            holds &= outcome["wall"] < AIMS[name] and outcome["memory"] < MEMORY_AIM
        print(f"\nwarehouse file: {warehouse.stat().st_size / 1e9:.2f} GB; now {NOW}")
    return holds


def main() -> int:
    """Measure; the exit code is 1 when an aim is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--copies", type=int, default=100, help="100 is a million charges")
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--changed", type=float, default=0.01, help="share that the tick changes")
    parser.add_argument("--cache", type=Path, default=BENCHMARK_HOME, help="where data is kept")
    parser.add_argument("--slowest", type=int, default=10, help="how many nodes to print")
    parser.add_argument("--one-at-a-time", action="store_true", help="tell CPU apart by node")
    parser.add_argument("--build", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        warehouse, home = options.build
        (home / "result.json").write_text(json.dumps(build(warehouse, home)))
        return 0
    options.cache.mkdir(parents=True, exist_ok=True)
    return 0 if measure(options) else 1


if __name__ == "__main__":
    raise SystemExit(main())
