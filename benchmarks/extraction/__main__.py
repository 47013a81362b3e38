"""How close reading comes to the speed that Stripe's limits allow, and what it takes.

    python -m benchmarks.extraction                      # 20,000 and 100,000 charges, 500 accounts
    python -m benchmarks.extraction --charges 1000000 --accounts 0

Each line is a process of its own against a simulator of its own (live limits, 120 ms), reading an
account with as many invoices as charges and a quarter as many customers and subscriptions into an
empty warehouse. "floor" is the least time that the limits allow: pages of the busiest endpoint ÷
25/s, or all pages ÷ 100/s (sandbox: 25/s). "network" is reading, "package" what dlt makes of it,
"load" what DuckDB makes of that. The sequential reader sends one request at a time, as most
extractors do. Exit code 1 if an aim is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks.extraction.simulator import Simulator, business_of, running_simulator

PER_ENDPOINT = 25
OVERALL = 100
PAGE = 100
HEAD = (
    f"{'reader':<12}{'charges':>9}{'objects':>9}{'requests':>9}{'floor s':>9}{'network s':>10}"
    f"{'÷ floor':>8}{'package s':>10}{'load s':>8}{'objects/s':>10}{'total s':>9}{'CPU s':>7}"
    f"{'RSS MB':>8}"
)

NETWORK_AIM = 1.15
"""Network seconds ÷ floor, at most."""
LOAD_AIM = 8_000
"""Objects a second from the last page to the commit, at least."""
MEMORY_AIM = 700e6
"""Bytes of resident memory, at most."""
HEAD_CASE = (20_000, 12.0)
"""Charges of the account that is to be read and loaded within so many seconds."""


def run(wanted: dict[str, Any]) -> dict[str, Any]:
    """Measure one sync in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.extraction.measured", json.dumps(wanted)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def floor_seconds(rows: dict[str, int], limits: str) -> float:
    """Return the least time that the limits allow for these objects, seconds."""
    overall = PER_ENDPOINT if limits == "sandbox" else OVERALL
    pages = {stream: math.ceil(count / PAGE) for stream, count in rows.items()}
    return max(max(pages.values()) / PER_ENDPOINT, sum(pages.values()) / overall)


def wanted_of(
    simulator: Simulator, home: str, run_id: str, limits: str, **options: Any
) -> dict[str, Any]:
    """Return what `measured` is told."""
    return {
        "reader": "dashtray",
        "url": simulator.url,
        "accounts": {each["account"]: each["api_key"] for each in simulator.accounts},
        "home": home,
        "run_id": run_id,
        "history_days": 365,
        "now": simulator.control("health")["now"],
        "live": limits != "sandbox",
        **options,
    }


def show(reader: str, charges: int, result: dict[str, Any], limits: str) -> list[str]:
    """Print one line of the table; returns the aims that it misses."""
    floor = floor_seconds(result["rows"], limits)
    ratio = result["network"] / floor
    rate = result["objects"] / (result["package"] + result["load"])
    print(
        f"{reader:<12}{charges:>9}{result['objects']:>9}{result['requests']:>9}{floor:>9.1f}"
        f"{result['network']:>10.1f}{ratio:>8.2f}{result['package']:>10.1f}{result['load']:>8.1f}"
        f"{rate:>10.0f}{result['total']:>9.1f}{result['cpu']:>7.1f}{result['rss'] / 1e6:>8.0f}",
        flush=True,
    )
    if reader == "sequential":
        return []
    missed = []
    if ratio > NETWORK_AIM:
        missed.append(f"{charges} charges: network {ratio:.2f} × the floor, aim {NETWORK_AIM}")
    if rate < LOAD_AIM:
        missed.append(f"{charges} charges: loaded {rate:.0f} objects/s, aim {LOAD_AIM}")
    if result["rss"] > MEMORY_AIM:
        missed.append(
            f"{charges} charges: {result['rss'] / 1e6:.0f} MB, aim {MEMORY_AIM / 1e6:.0f}"
        )
    if charges == HEAD_CASE[0] and result["total"] > HEAD_CASE[1]:
        missed.append(f"{charges} charges: {result['total']:.1f} s in all, aim {HEAD_CASE[1]:.0f}")
    return missed


def single(charges: int, options: argparse.Namespace) -> list[str]:
    """Measure the first import of one account, by both readers."""
    missed = []
    business = business_of(charges)
    with running_simulator(*business, limits=options.limits, latency=options.latency) as simulator:
        with tempfile.TemporaryDirectory() as home:
            result = run(wanted_of(simulator, home, "first", options.limits))
            missed += show("dashtray", charges, result, options.limits)
        if charges <= options.sequential_most:
            with tempfile.TemporaryDirectory() as home:
                plain = run(
                    wanted_of(simulator, home, "first", options.limits, reader="sequential")
                )
                show("sequential", charges, plain, options.limits)
                print(f"{'':12}{plain['network'] / result['network']:.1f} times the network time")
    return missed


def batch(options: argparse.Namespace) -> None:
    """Measure one sync of many small accounts of which few objects have changed."""
    many = ["--preset", "many-accounts", "--set", f"accounts={options.accounts}"]
    with (
        running_simulator(*many, limits=options.limits, latency=options.latency) as simulator,
        tempfile.TemporaryDirectory() as home,
    ):
        first = run(wanted_of(simulator, home, "first", options.limits))
        simulator.control("advance", {"seconds": options.advance * 3600})
        result = run(wanted_of(simulator, home, "changes", options.limits))
    count = len(simulator.accounts)
    print(
        f"{count} accounts of {first['objects'] / count:.0f} objects, first imports:"
        f" {first['total']:.1f} s, {first['requests'] / count:.1f} requests each\n"
        f"{options.advance} hours later, {result['objects'] / first['objects']:.1%} as many rows"
        f" (events with them): network {result['network']:.1f} s,"
        f" package {result['package']:.1f} s, load {result['load']:.1f} s;"
        f" {result['total'] / count * 1000:.0f} ms and"
        f" {result['requests'] / count:.1f} requests an account; {result['rss'] / 1e6:.0f} MB"
    )


def main() -> int:
    """Measure, print, and say by the exit code whether the aims were met."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.extraction",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--charges", type=int, nargs="*", default=[20_000, 100_000], help="sizes of accounts"
    )
    parser.add_argument(
        "--sequential-most",
        type=int,
        default=20_000,
        help="largest account that is read sequentially too (20,000: two minutes)",
    )
    parser.add_argument(
        "--accounts", type=int, default=500, help="accounts of the batch; 0 leaves it out"
    )
    parser.add_argument("--advance", type=int, default=8, help="hours between its two syncs")
    parser.add_argument("--limits", default="live", choices=["live", "sandbox", "off"])
    parser.add_argument("--latency", type=int, default=120, help="milliseconds of a request")
    options = parser.parse_args()
    missed = []
    if options.charges:
        print(HEAD)
    for charges in options.charges:
        missed += single(charges, options)
    if options.accounts:
        batch(options)
    for each in missed:
        print(f"missed: {each}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
