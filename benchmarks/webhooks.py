"""From an event at Stripe to published numbers, through the running service.

    python -m benchmarks.webhooks [--preset demo] [--times 5]

An account on a paid tier is connected by OAuth and imported. Then the simulated time moves on by an
hour again and again; Stripe's webhooks of what happened go to the console. Prints for each time the
seconds from the first delivery to the numbers that can be seen; exit code 1 when the median is over
the aim of 60 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from benchmarks.connect import approve
from benchmarks.running_service import (
    Service,
    fresh_environment,
    running_service,
    temporary_home,
    wait_until,
)
from connections.accounts import get_account, set_tier
from connections.settings import Settings
from console.demo import simulator

AIM_SECONDS = 60
_MOVED = 3_600
_FIRST = "select min(received_at) from connections.webhook_events where received_at > :since"
_SEEN = """
select min(published_at) from connections.sync_runs
where published_at is not null and started_at > :received
"""


def control(stripe: simulator.Simulator, name: str, **fields: Any) -> None:
    """Tell the simulator something."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{stripe.url}/_simulator/{name}",
        data=json.dumps(fields).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=60).read()  # noqa: S310 - loopback


def moment(service: Service, query: str, **values: object) -> datetime | None:
    """One instant of the database."""
    with service.engine.connect() as connection:
        found: datetime | None = connection.execute(text(query), values).scalar_one()
    return found


def once(service: Service, stripe: simulator.Simulator) -> float:
    """Let an hour pass at Stripe; the seconds until it can be seen."""
    since = datetime.now(UTC)
    control(stripe, "advance", seconds=_MOVED)
    received = wait_until("a webhook", lambda: moment(service, _FIRST, since=since), 60)
    seen = wait_until("its sync", lambda: moment(service, _SEEN, received=received), 300)
    return float((seen - received).total_seconds())


def measure(preset: str, times: int) -> bool:
    """Print each time; whether the median is within the aim."""
    now = datetime.now(UTC).replace(microsecond=0)
    start = (now - timedelta(days=548)).replace(hour=0, minute=0, second=0)
    with temporary_home() as home, simulator.running(preset, start, now) as stripe:
        environment = fresh_environment(
            home,
            STRIPE_WEBHOOK_SECRET=str(stripe.ready["webhook_secret"]),
            **stripe.environment(),
        )
        with running_service(environment) as service:
            engine, account = service.engine, stripe.account_id
            approve(engine, Settings.from_environment(environment), account)
            set_tier(engine, account, "agency")
            wait_until(
                "the import", lambda: get_account(engine, account).last_success_at, 900, every=1
            )
            control(stripe, "webhooks", url=f"{service.web_url}/webhooks/stripe")
            seconds = []
            for _ in range(times):
                seconds.append(once(service, stripe))
                print(f"{seconds[-1]:6.1f} s from the first delivery to published numbers")
                # So that the next one is not kept waiting by the distance between two syncs.
                time.sleep(AIM_SECONDS / 2)
    median = statistics.median(seconds)
    print(f"median {median:.1f} s, longest {max(seconds):.1f} s; the aim is {AIM_SECONDS} s")
    return median <= AIM_SECONDS


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    if not measure(options.preset, options.times):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
