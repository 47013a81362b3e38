"""While a large account imports, do the other tiers' ticks keep their cadence?

    python -m benchmarks.lateness [--copies 86] [--every 2]

A service runs with one small account of each scheduled tier; then a large account (500,000 charges
in its last 90 days with `--copies 86`) connects, under Stripe's live limits. So that ticks are seen
within minutes, all cadences are shortened to `--every` minutes, in the table of tiers of the
service's processes; nothing else is changed. Prints, for every tick while the import goes on: how
many seconds after its time its run was created, began to read, and was published.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
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


def simulator(folder: Path, name: str, *options: str) -> tuple[subprocess.Popen[bytes], Any]:
    """Start a simulator; its process and what it said when it was ready."""
    ready = folder / f"{name}.json"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    command = [sys.executable, "-m", "stripe_simulator", "--port", "0", "--now", now]
    process = subprocess.Popen(
        [*command, "--ready-file", str(ready), *options], stdout=subprocess.DEVNULL
    )
    wait_until(f"the simulator {name}", ready.exists, 600)
    return process, json.loads(ready.read_text())


def last_success(engine: Engine, account_id: str) -> Any:
    """When the account's numbers could last be seen; None = not yet."""
    query = text("select last_success_at from connections.accounts where account_id = :id")
    with engine.connect() as connection:
        return connection.scalar(query, {"id": account_id})


def shortened(folder: Path, every: int) -> dict[str, str]:
    """The variables that shorten the cadences in each Python process that has them."""
    (folder / "sitecustomize.py").write_text(_SHORTEN.format(every=every))
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(Path.cwd())])}


def measure(copies: int, every: int) -> None:
    """Run the service until the import has ended; print the ticks."""
    with temporary_home() as home:
        small, said = simulator(home, "small", "--preset", "many-accounts", "--set", "accounts=3")
        large, told = simulator(
            home, "large", "--preset", "demo", "--copies", str(copies), "--limits", "live"
        )
        accounts = [*said["accounts"], *told["accounts"]]
        keys = {f"KEY_OF_{each['account']}": str(each["api_key"]) for each in accounts}
        url = str(said["url"]).rstrip("/")
        keys |= shortened(home, every)
        environment = fresh_environment(home, STRIPE_API_BASE=url, STRIPE_CONNECT_BASE=url, **keys)
        try:
            with running_service(environment) as service:
                engine = service.engine
                others = [
                    add(engine, each, url, tier)
                    for each, tier in zip(said["accounts"], TIERS, strict=True)
                ]
                for account_id in others:
                    wait_until(account_id, lambda a=account_id: last_success(engine, a), 900)
                began = time.time()
                big = add(engine, told["accounts"][0], str(told["url"]).rstrip("/"), "free")
                wait_until("the import", lambda: last_success(engine, big), 7200, every=2)
                imported = time.time() - began
                print(f"{told['accounts'][0]['account']}: imported in {imported:.0f} s")
                _print(engine, began, began + imported)
        finally:
            for process in (small, large):
                process.terminate()


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
            at = datetime.fromtimestamp(due, UTC)
            print(f"{row['tier']:<8}{at:>7%H:%M}{late[0]:>9.1f}{late[1]:>9.1f}{late[2]:>11.1f}")
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
