"""From the click on "approve" to published numbers, through the running service.

    python -m benchmarks.connect [--preset demo] [--times 5]

Each time another simulated account of the preset is connected by OAuth, over HTTP, to a service
that is up and warm. All are at one address: an account is synced at the server that it was
connected at and at no other (docs/decisions/0011). Prints the phases of each time in seconds and
their medians; exit code 1 when the median of the whole is over the aim of 30 s.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.engine import Engine

from benchmarks.running_service import (
    Service,
    fresh_environment,
    running_service,
    temporary_home,
    wait_until,
)
from connections.settings import Settings
from connections.vault import open_vault
from console import connecting
from console.demo import browser, simulator

AIM_SECONDS = 30
PHASES = ("consent", "sensor", "queue", "start", "extract", "load", "dbt", "publish", "between")
_TIMES = """
select extract(epoch from q.requested_at) as requested,
       extract(epoch from r.create_timestamp at time zone 'UTC') as created,
       r.start_time as launched, s.run_id, extract(epoch from s.started_at) as begun,
       extract(epoch from s.published_at) as published
from connections.sync_requests q
join connections.sync_runs s using (account_id)
join runs r on r.run_id = s.run_id
where account_id = :account and s.published_at is not null
"""

_ERROR = "select last_error from connections.accounts where account_id = :account"


def connect_once(service: Service, preset: str, seed: int, port: int) -> dict[str, float]:
    """Connect one account; the seconds of each phase."""
    now = datetime.now(UTC).replace(microsecond=0)
    start = (now - timedelta(days=548)).replace(hour=0, minute=0, second=0)
    with simulator.running(preset, start, now, seed, port) as stripe:
        settings = Settings.from_environment(
            {"DASHTRAY_HOME": str(service.settings.home), **stripe.environment()}
        )
        clicked = approve(service.engine, settings, stripe.account_id)
        row = wait_until(
            "the import", lambda: _times(service.engine, stripe.account_id), 600, every=0.5
        )
    report = orjson.loads((settings.logs_dir / "runs" / f"{row['run_id']}.json").read_bytes())
    own = {phase["name"]: phase["seconds"] for phase in report["phases"]}
    seconds = {
        "consent": row["requested"] - clicked,
        "sensor": row["created"] - row["requested"],
        "queue": row["launched"] - row["created"],
        "start": row["begun"] - row["launched"],
        **{name: own[name] for name in ("extract", "load", "dbt", "publish")},
        "whole": row["published"] - clicked,
    }
    seconds["between"] = seconds["whole"] - sum(seconds[p] for p in PHASES if p != "between")
    return seconds


def approve(engine: Engine, settings: Settings, account_id: str) -> float:
    """Click "approve"; when that was, in seconds since 1970."""
    clicked: list[float] = []

    def click(url: str) -> None:
        def agree() -> None:
            clicked.append(time.time())
            browser.approve(url, account_id)

        threading.Thread(target=agree).start()

    connecting.wait_for_connection(
        engine, settings, open_vault(settings, engine), port=0, tier="free", invite=click
    )
    return clicked[0]


def _times(engine: Engine, account_id: str) -> dict[str, Any] | None:
    with engine.connect() as connection:
        values = {"account": account_id}
        if error := connection.scalar(text(_ERROR), values):
            raise SystemExit(f"the import failed: {error}")
        row = connection.execute(text(_TIMES), values).mappings().first()
    return None if row is None else {k: float(v) if k != "run_id" else v for k, v in row.items()}


def main() -> int:
    """Start a service, connect accounts to it, print where the time went."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", default="demo", choices=("demo", "tiny"))
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    columns = [*PHASES, "whole"]
    with temporary_home() as home:
        # The platform's key and id are the same in every simulator.
        now = datetime.now(UTC).replace(microsecond=0)
        with simulator.running("tiny", now - timedelta(days=10), now) as any_stripe:
            environment = fresh_environment(home, **any_stripe.environment())
            port = int(any_stripe.url.rpartition(":")[2])
        with running_service(environment) as service:
            print(
                f"service is up; all its processes: {service.resident_bytes() / 1e6:.0f} MB, "
                f"{service.connections()} connections"
            )
            print("".join(f"{name:>9}" for name in columns), flush=True)
            rows = []
            for seed in range(1, options.times + 1):
                rows.append(connect_once(service, options.preset, seed, port))
                print("".join(f"{rows[-1][name]:>9.1f}" for name in columns), flush=True)
            median = {name: statistics.median(row[name] for row in rows) for name in columns}
            print("".join(f"{median[name]:>9.1f}" for name in columns), " median")
            load = os.getloadavg()[0]
            print(
                f"all processes: {service.resident_bytes() / 1e6:.0f} MB, "
                f"{service.connections()} connections; load average {load:.1f}"
            )
    print(f"median of the whole: {median['whole']:.1f} s, aim {AIM_SECONDS} s")
    return 0 if median["whole"] <= AIM_SECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
