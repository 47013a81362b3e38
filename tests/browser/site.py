"""A deployment with web pages to look at: simulator, Postgres, the console, and imported numbers.

The service's scheduler is not part of it: a test that wants a sync to run says so (`run_sync`),
and the command line runs it, as the service would, while the page is watched.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from connections.dashboards import TEXT_WIDGET, Place, create_dashboard
from connections.postgres import open_database
from console.demo import simulator
from console.web.starters import STARTERS, place_of
from tests.e2e.conftest import HISTORY, KEY_VARIABLE, Deployment

START_SECONDS = 60


@dataclass
class Site:
    """A running deployment.

    Attributes:
        url: The console's address.
        deployment: Its home and commands.
        stripe: The simulated Stripe.
        imported: The account whose numbers are there from the start.
        others: Simulated accounts that nobody has connected.
        dashboard: A dashboard of the operator's that nobody changes.
        running: Syncs that tests have begun.
    """

    url: str
    deployment: Deployment
    stripe: simulator.Simulator
    imported: str
    others: tuple[str, ...]
    dashboard: str
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def run_sync(self, account_id: str) -> subprocess.Popen[str]:
        """Begin to serve what the account waits for, as the service would."""
        process = subprocess.Popen(
            [sys.executable, "-m", "console.cli", "sync", account_id, "--here"],
            env=self.deployment.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.append(process)
        return process

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """The deployment's database."""
        with open_database(self.deployment.settings) as engine:
            yield engine


@contextmanager
def serving(
    deployment: Deployment, preset: str, *, tier: str = "free", history_days: str = "90"
) -> Iterator[Site]:
    """Serve a deployment whose first simulated account is imported.

    Args:
        deployment: An empty home, whose Postgres is kept up.
        preset: The simulated world.
        tier: Of the imported account.
        history_days: Payment history to import.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    start = (now - HISTORY).replace(hour=0, minute=0, second=0)
    with simulator.running(preset, start, now) as stripe:
        deployment.environment |= stripe.environment()
        deployment.environment[KEY_VARIABLE] = stripe.ready["accounts"][0]["api_key"]
        deployment.must(
            *["connect", "--api-key-env", KEY_VARIABLE, "--tier", tier],
            *["--history-days", history_days],
        )
        deployment.must("sync", stripe.account_id, "--here")
        with serving_console(deployment) as url:
            accounts = [str(each["account"]) for each in stripe.ready["accounts"]]
            site = Site(
                url, deployment, stripe, accounts[0], tuple(accounts[1:]), _dashboard(deployment)
            )
            try:
                yield site
            finally:
                for process in site.running:
                    process.kill()
                    process.wait()


def _dashboard(deployment: Deployment) -> str:
    text = Place(TEXT_WIDGET, 6, 2, "# Remarks\n\nAll numbers are **simulated**.")
    with open_database(deployment.settings) as engine:
        places = [*STARTERS["overview"].places(), place_of("top_customers"), text]
        return create_dashboard(engine, None, "Board meeting", places).dashboard_id


@contextmanager
def serving_console(deployment: Deployment) -> Iterator[str]:
    """Serve a deployment's console for the time of a block; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = deployment.home.parent / "console.log"
    environment: dict[str, Any] = {**deployment.environment, "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *[sys.executable, "-m", "console.web.server"],
                *["--host", "127.0.0.1", "--port", str(port)],
                *["--dagster-url", "http://127.0.0.1:3000"],
            ],
            env=environment,
            stdout=out,
            stderr=out,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_it_answers(url, process, log)
            yield url
        finally:
            process.terminate()
            # It ends at once, whatever is being watched: an open page must not hold it up.
            process.wait(timeout=20)
    assert process.returncode in {0, -15}, log.read_text()


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).read()
        except (urllib.error.URLError, OSError):
            said = f"the console did not start: {log.read_text()}"
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        else:
            return
