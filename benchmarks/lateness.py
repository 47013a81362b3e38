"""While a large account imports, do the other tiers' ticks keep their cadence?

    python -m benchmarks.lateness [--copies 86] [--every 2]

A service runs with one account of each scheduled tier, of the demo's size; then a large one
(500,000 charges in its last 90 days with `--copies 86`) connects, under Stripe's live limits. So
that ticks are seen within minutes, all cadences are shortened to `--every` minutes, in the table of
tiers of the service's processes; nothing else is changed. Prints, for every tick while the import
goes on: how many seconds after its time its run was created, began to read, and was published.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Engine

from benchmarks.running_service import (
    fresh_environment,
    running_service,
    temporary_home,
    wait_until,
)
from connections.models import Account, AccountStatus, AuthKind, RequestKind
from connections.requests import request_sync
from connections.rows import transaction

TIERS = ("pro", "scale", "agency")
_SHORTEN = """
import dataclasses, datetime
import connections.tiers as tiers
tiers.TIERS = {{
    name: dataclasses.replace(tier, cadence=tier.cadence and datetime.timedelta(minutes={every}))
    for name, tier in tiers.TIERS.items()
}}
"""
_TICKS = """
select t.value as tier, r.run_id, r.start_time as launched,
       extract(epoch from r.create_timestamp at time zone 'UTC') as created,
       (select extract(epoch from min(s.started_at)) from connections.sync_runs s
         where s.run_id = r.run_id) as begun,
       (select extract(epoch from max(s.published_at)) from connections.sync_runs s
         where s.run_id = r.run_id) as published
from runs r join run_tags t on t.run_id = r.run_id and t.key = 'dashtray/tier'
order by r.id
"""


def add(engine: Engine, each: dict[str, Any], url: str, tier: str) -> str:
    """Put an account into the database, as connecting by key would."""
    present = datetime.now(UTC)
    with transaction(engine) as session:
        session.add(
            Account(
                account_id=each["account"],
                tier=tier,
                status=AccountStatus.CONNECTED,
                auth_kind=AuthKind.API_KEY_ENV,
                api_key_env=f"KEY_OF_{each['account']}",
                livemode=True,
                api_base=url,
                connect_base=url,
                connected_at=present,
                created_at=present,
            )
        )
    request_sync(engine, each["account"], RequestKind.FIRST_IMPORT)
    return str(each["account"])


@contextmanager
def simulator(folder: Path, copies: int) -> Iterator[dict[str, Any]]:
    """Run a simulator of four accounts, the first a large one; what it said when it was ready.

    One server for all: a service syncs no account that was connected at another than its own.
    """
    ready = folder / "simulator.json"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    command = [sys.executable, "-m", "stripe_simulator", "--preset", "demo", "--limits", "live"]
    command += ["--set", f"accounts={1 + len(TIERS)}", "--copies", str(copies)]
    command += ["--copied-accounts", "1", "--now", now, "--ready-file", str(ready)]
    command += ["--exit-with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until("the simulator", ready.exists, 600)
            yield json.loads(ready.read_text())
        finally:
            process.terminate()


def imported(engine: Engine, account_id: str, seconds: float) -> None:
    """Wait until the account's numbers can be seen."""
    query = text(
        "select last_success_at, last_error from connections.accounts where account_id = :id"
    )

    def seen() -> bool:
        with engine.connect() as connection:
            row = connection.execute(query, {"id": account_id}).one()
        if row.last_error:
            raise SystemExit(f"{account_id} failed: {row.last_error}")
        return row.last_success_at is not None

    wait_until(account_id, seen, seconds, every=2)


def shortened(folder: Path, every: int) -> dict[str, str]:
    """The variables that shorten the cadences in each Python process that has them."""
    (folder / "sitecustomize.py").write_text(_SHORTEN.format(every=every))
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(Path.cwd())])}


def measure(copies: int, every: int) -> None:
    """Run the service until the import has ended; print the ticks."""
    with temporary_home() as home, simulator(home, copies) as said:
        large, *others = said["accounts"]
        url = str(said["url"]).rstrip("/")
        keys = {f"KEY_OF_{each['account']}": str(each["api_key"]) for each in said["accounts"]}
        keys |= shortened(home, every)
        environment = fresh_environment(home, STRIPE_API_BASE=url, STRIPE_CONNECT_BASE=url, **keys)
        with running_service(environment) as service:
            engine = service.engine
            for each, tier in zip(others, TIERS, strict=True):
                add(engine, each, url, tier)
            for each in others:
                imported(engine, each["account"], 900)
            began = time.time()
            add(engine, large, url, "free")
            imported(engine, large["account"], 7200)
            ended = time.time()
            print(f"{large['account']}: imported in {ended - began:.0f} s")
            _print(engine, began, ended)


def _print(engine: Engine, began: float, ended: float) -> None:
    print(f"{'tier':<8}{'tick':>7}{'created':>9}{'reading':>9}{'published':>11}  seconds late")
    worst = 0.0
    with engine.connect() as connection:
        for row in connection.execute(text(_TICKS)).mappings():
            created = float(row["created"])
            due = created - created % 60
            if not began <= due <= ended:
                continue
            late = [
                float(row[name]) - due if row[name] is not None else float("nan")
                for name in ("created", "begun", "published")
            ]
            worst = max(worst, late[1])
            at = f"{datetime.fromtimestamp(due, UTC):%H:%M}"
            print(f"{row['tier']:<8}{at:>7}{late[0]:>9.1f}{late[1]:>9.1f}{late[2]:>11.1f}")
    print(f"the latest began to read {worst:.0f} s after its time")


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--copies", type=int, default=86)
    parser.add_argument("--every", type=int, default=2, help="minutes between two ticks")
    options = parser.parse_args()
    measure(options.copies, options.every)


if __name__ == "__main__":
    main()
