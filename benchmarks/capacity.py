"""One tick of many Scale accounts, end to end: seconds, CPU, memory, requests; and how it grows.

    python -m benchmarks.capacity [--accounts 100 300 1000 3000] [--hours 6] [--copies 1]

For each number a deployment of its own: a simulator with so many small accounts, all imported in
one run, then the simulator's clock moves on by `--hours` and one tick reads, loads, builds, tests
and publishes what changed; again `--ticks` times, of which the last is the row that counts. A run
is a process of its own and is measured whole, imports included (a service forks it from a warm one
and saves some seconds). `pg` counts transactions of Postgres, `events` rows of Dagster's log.

`--copies 10 --hours 0.6` stores ten times the data of `--copies 1 --hours 6` with about the same
changes. Exit code 1 when a tick of 1,000 accounts takes longer than the aim of 120 s.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psutil
from sqlalchemy import text

from benchmarks.running_service import fresh_environment, temporary_home, wait_until
from connections.disk import size_of
from connections.models import Account, AccountStatus, AuthKind, RequestKind
from connections.postgres import open_database, open_postgres
from connections.rows import transaction
from connections.settings import Settings
from console import dagster_home
from dlt_sources.stripe.streams import DATASET
from dlt_sources.stripe.warehouse import count_rows, reading
from orchestration.warehouse import warehouse_of

AIM_SECONDS = 120
AIM_ACCOUNTS = 1000
CHILD = "--child"
COLUMNS = ("accounts", "run", "seconds", "cpu s", "peak MB", "requests", "rows", "changed %",
           "events", "pg", "extract", "load", "dbt", "publish", "copies", "rest",
           "sim cpu")  # fmt: skip


@dataclass
class Deployment:
    """A home with accounts of a simulator."""

    settings: Settings
    environment: dict[str, str]
    simulator: psutil.Process
    url: str
    ids: list[str]

    def run(self, kind: RequestKind) -> dict[str, Any]:
        """Run the sync job in a process of its own; what it cost."""
        before = self.simulator.cpu_times()
        asked = self.control("requests")["total"]
        stored = self.stored()
        transactions = self.transactions()
        run_id = str(uuid.uuid4())
        began = time.monotonic()
        child = subprocess.run(
            [sys.executable, "-m", "benchmarks.capacity", CHILD, run_id, kind.name],
            env=self.environment,
            input="\n".join(self.ids),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        seconds = time.monotonic() - began
        told = json.loads(child.stdout.splitlines()[-1])
        if not told["success"]:
            raise SystemExit(f"the run failed: {told['error']}")
        report = orjson.loads((self.settings.logs_dir / "runs" / f"{run_id}.json").read_bytes())
        phases = {phase["name"]: phase["seconds"] for phase in report["phases"]}
        after = self.simulator.cpu_times()
        rows = self.stored() - stored
        with open_database(self.settings) as engine, engine.connect() as connection:
            events = connection.scalar(
                text("select count(*) from event_logs where run_id = :run"), {"run": run_id}
            )
        return {
            "accounts": len(self.ids),
            "run": kind.value,
            "seconds": seconds,
            "cpu s": told["cpu"],
            "peak MB": told["rss"] / 1e6,
            "requests": self.control("requests")["total"] - asked,
            "rows": rows,
            "changed %": 100 * rows / stored if stored else 100.0,
            "events": events,
            "pg": self.transactions() - transactions,
            **phases,
            "rest": seconds - sum(phases.values()),
            "sim cpu": after.user + after.system - before.user - before.system,
        }

    def transactions(self) -> int:
        """Transactions that Postgres has seen; a statement by itself is one."""
        query = text(
            "select xact_commit + xact_rollback from pg_stat_database"
            " where datname = current_database()"
        )
        with open_database(self.settings) as engine, engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def stored(self) -> int:
        """Raw rows in the warehouse, our own tables and dlt's left out."""
        warehouse = warehouse_of(self.settings)
        if not warehouse.exists():
            return 0
        with reading(warehouse) as connection:
            return sum(
                rows
                for (schema, table), rows in count_rows(connection).items()
                if schema == DATASET and not table.startswith("_")
            )

    def control(self, path: str, body: Any = None) -> Any:
        """Ask the simulator's control API."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.url}/_simulator/{path}", None if body is None else json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - loopback
            return json.load(answer)


def measure(
    accounts: int, copies: int, hours: float, ticks: int, **variables: str
) -> dict[str, Any]:
    """Import so many accounts and tick, with further settings; the last tick's row."""
    with temporary_home() as home:
        ready_file = home / "ready.json"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        command = [sys.executable, "-m", "stripe_simulator", "--preset", "many-accounts"]
        command += ["--set", f"accounts={accounts}", "--copies", str(copies), "--port", "0"]
        command += ["--now", now, "--ready-file", str(ready_file), "--exit-with-parent"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            try:
                wait_until("the simulator", ready_file.exists, 1800)
                ready = json.loads(ready_file.read_text())
                simulator = psutil.Process(process.pid)
                return _measure(home, ready, simulator, hours, ticks, variables)
            finally:
                process.terminate()


def _measure(
    home: Path,
    ready: dict[str, Any],
    simulator: psutil.Process,
    hours: float,
    ticks: int,
    variables: Mapping[str, str],
) -> dict[str, Any]:
    url = str(ready["url"]).rstrip("/")
    keys = {f"KEY_OF_{each['account']}": str(each["api_key"]) for each in ready["accounts"]}
    base = {"STRIPE_API_BASE": url, "STRIPE_CONNECT_BASE": url}
    environment = fresh_environment(home, **base, **keys, **variables)
    settings = Settings.from_environment(environment)
    ids = [each["account"] for each in ready["accounts"]]
    with open_postgres(settings) as database_url, open_database(settings) as engine:
        environment |= dagster_home.dagster_environment(settings, database_url)
        present = datetime.now(UTC)
        with transaction(engine) as session:
            session.add_all(
                Account(
                    account_id=account_id,
                    tier="scale",
                    status=AccountStatus.CONNECTED,
                    auth_kind=AuthKind.API_KEY_ENV,
                    api_key_env=f"KEY_OF_{account_id}",
                    livemode=True,
                    api_base=url,
                    connect_base=url,
                    connected_at=present,
                    created_at=present,
                )
                for account_id in ids
            )
        deployment = Deployment(settings, environment, simulator, url, ids)
        _print(deployment.run(RequestKind.FIRST_IMPORT))
        row: dict[str, Any] = {}
        for _ in range(ticks):
            deployment.control("advance", {"seconds": int(hours * 3600)})
            row = deployment.run(RequestKind.TICK)
            _print(row)
        files = settings.warehouse_path if settings.lake is None else Path(settings.lake.data)
        size = size_of(files) / 1e6
        print(f"  warehouse {size:.0f} MB; load average {os.getloadavg()[0]:.1f}", flush=True)
    return row


def _print(row: dict[str, Any]) -> None:
    cells = [row.get(name, "") for name in COLUMNS]
    print("".join(f"{c:>11.1f}" if isinstance(c, float) else f"{c:>11}" for c in cells), flush=True)


def child(run_id: str, kind: str, ids: Sequence[str]) -> None:
    """Run the job here, and say what it cost, as the last line of the output."""
    from orchestration.here import run_sync

    outcome = run_sync(run_id, ids, RequestKind[kind])
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "success": outcome.success,
        "error": outcome.error,
        "cpu": used.ru_utime + used.ru_stime,
        "rss": used.ru_maxrss * 1024,
    }
    print(json.dumps(told))


def main() -> int:
    """Measure every number of accounts; print one table."""
    if CHILD in sys.argv:
        child(sys.argv[2], sys.argv[3], sys.stdin.read().split())
        return 0
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--accounts", type=int, nargs="+", default=[100, 300, 1000, 3000])
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--hours", type=float, default=6.0, help="virtual time between ticks")
    parser.add_argument("--ticks", type=int, default=2)
    options = parser.parse_args()
    print("".join(f"{name:>11}" for name in COLUMNS), flush=True)
    slow = False
    for accounts in options.accounts:
        row = measure(accounts, options.copies, options.hours, options.ticks)
        slow |= accounts == AIM_ACCOUNTS and row["seconds"] > AIM_SECONDS
    return int(slow)


if __name__ == "__main__":
    raise SystemExit(main())
