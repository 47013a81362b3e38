"""A deployment of its own per test: a home, a simulator, and the `dashtray` command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connections.embedded import EmbeddedPostgres
from connections.settings import Settings
from console.demo import simulator
from dlt_sources.stripe.warehouse import reading
from orchestration.dbt_manifest import prepared_target
from orchestration.warehouse import warehouse_of
from tests.conftest import LAKE_EVERYWHERE, TEST_SERVER, new_database

HISTORY = timedelta(days=548)
KEY_VARIABLE = "TEST_RESTRICTED_KEY"


@pytest.fixture(scope="session")
def prepared_dbt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parsed dbt project, made once for all homes."""
    return prepared_target(tmp_path_factory.mktemp("dbt-home")).parent


def plain_url(url: str) -> str:
    """The URL as an operator writes it."""
    return url.replace("postgresql+psycopg2://", "postgres://")


@dataclass
class Deployment:
    """A home and the environment that commands run with."""

    home: Path
    environment: dict[str, str]

    def dashtray(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "console.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def must(self, *arguments: str) -> Any:
        """Run a command with `--format json`; it must succeed; return what it printed."""
        done = self.dashtray(*arguments, "--format", "json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    @property
    def settings(self) -> Settings:
        """The settings that the commands see."""
        return Settings.from_environment(self.environment)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the warehouse."""
        with reading(warehouse_of(self.settings)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def deployment(prepared_dbt: Path, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """An empty home that no setting of this machine reaches into, with a Postgres of its own."""
    with new_deployment(prepared_dbt, request) as fresh:
        yield fresh


@contextmanager
def new_deployment(prepared_dbt: Path, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """Such a home for the time of a block."""
    # Not pytest's folder: Postgres, which does not run as root, could not enter it.
    directory = Path(tempfile.mkdtemp(prefix="dashtray-e2e-"))
    home = directory / "home"
    home.mkdir()
    shutil.copytree(prepared_dbt, home / "dbt")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DASHTRAY_", "STRIPE_", "DATABASE_URL"))
    }
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        if TEST_SERVER in os.environ:
            database = stack.enter_context(new_database(request.getfixturevalue("postgres_url")))
            kept["DATABASE_URL"] = plain_url(database)
        if LAKE_EVERYWHERE:
            kept["DASHTRAY_WAREHOUSE"] = "ducklake:postgres"
        yield Deployment(home, {**kept, "DASHTRAY_HOME": str(home), "COLUMNS": "200"})


@contextmanager
def postgres_kept_up(deployment: Deployment) -> Iterator[None]:
    """Let the commands of a block join one embedded server instead of each starting it."""
    if TEST_SERVER in os.environ:
        yield
        return
    with EmbeddedPostgres(deployment.settings.postgres_dir, durable=False):
        yield


@pytest.fixture
def stripe() -> Iterator[simulator.Simulator]:
    """A simulator with the small world, its clock standing still at the present."""
    now = datetime.now(UTC).replace(microsecond=0)
    start = (now - HISTORY).replace(hour=0, minute=0, second=0)
    with simulator.running("tiny", start, now) as running:
        yield running


@pytest.fixture
def connected(deployment: Deployment, stripe: simulator.Simulator) -> Iterator[Deployment]:
    """A deployment whose one account is connected by a key, with no sync yet."""
    deployment.environment |= stripe.environment()
    deployment.environment[KEY_VARIABLE] = stripe.ready["accounts"][0]["api_key"]
    with postgres_kept_up(deployment):
        deployment.must("connect", "--api-key-env", KEY_VARIABLE, "--tier", "scale")
        yield deployment


def advance(stripe: simulator.Simulator, seconds: int) -> None:
    """Move the simulator's clock."""
    request = urllib.request.Request(
        f"{stripe.url}/_simulator/advance",
        data=json.dumps({"seconds": seconds}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=60).read()


def request_total(stripe: simulator.Simulator) -> int:
    """How many API requests the simulator has answered so far."""
    with urllib.request.urlopen(f"{stripe.url}/_simulator/requests", timeout=60) as answer:
        return int(json.load(answer)["total"])
