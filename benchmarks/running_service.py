"""A deployment of its own for benchmarks of the service: a home, `dashtray up`, its databases."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text
from sqlalchemy.engine import Engine

from connections.postgres import open_database
from connections.settings import Settings


@dataclass
class Service:
    """A running `dashtray up`."""

    url: str
    settings: Settings
    engine: Engine
    process: subprocess.Popen[bytes]
    web_url: str

    def graphql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask the API of the Dagster UI."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.url}/graphql",
            data=json.dumps({"query": query, "variables": variables or {}}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
            data: dict[str, Any] = json.load(answer)["data"]
        return data

    def resident_bytes(self) -> int:
        """Memory of all of the service's processes; shared pages count in each."""
        family = [psutil.Process(self.process.pid)]
        family += family[0].children(recursive=True)
        return sum(each.memory_info().rss for each in family if each.is_running())

    def connections(self) -> int:
        """Connections to its database, the one that asks left out."""
        query = (
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        with self.engine.connect() as connection:
            return int(connection.execute(text(query)).scalar_one())


def fresh_environment(home: Path, **more: str) -> dict[str, str]:
    """The variables of a deployment that no setting of this machine reaches into."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DASHTRAY_", "STRIPE_", "DATABASE_URL"))
    }
    return {**kept, "DASHTRAY_HOME": str(home), **more}


def wait_until(what: str, condition: Callable[[], Any], seconds: float, every: float = 0.2) -> Any:
    """The condition's first true value; ends the program if there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every)
    raise SystemExit(f"{what} did not happen within {seconds:.0f} s")


@contextmanager
def running_service(environment: Mapping[str, str]) -> Iterator[Service]:
    """Start `dashtray up` and wait until its code is loaded; stop it in the end."""
    with socket.socket() as probe, socket.socket() as second:
        probe.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        port, web_port = probe.getsockname()[1], second.getsockname()[1]
    home = Path(environment["DASHTRAY_HOME"])
    log = (home / "up.log").open("wb")
    command = [
        sys.executable,
        "-m",
        "console.cli",
        "up",
        "--port",
        str(port),
        "--web-port",
        str(web_port),
    ]
    process = subprocess.Popen(command, env=dict(environment), stdout=log, stderr=log)
    settings = Settings.from_environment(environment)
    try:
        with open_database(settings) as engine:
            service = Service(
                f"http://127.0.0.1:{port}",
                settings,
                engine,
                process,
                f"http://127.0.0.1:{web_port}",
            )
            wait_until("the service", lambda: _ready(service), 300, every=1)
            yield service
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)
        log.close()


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A home that is deleted in the end, where Postgres may enter; SIGTERM is an end as well."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    folder = Path(tempfile.mkdtemp(prefix="dashtray-bench-"))
    home = folder / "home"
    home.mkdir()
    try:
        yield home
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ready(service: Service) -> bool:
    """Whether the sensors have been evaluated, which needs every part of the service."""
    if service.process.poll() is not None:
        raise SystemExit(f"the service ended: see {service.settings.home / 'up.log'}")
    query = """{ instance { daemonHealth { allDaemonStatuses { daemonType healthy required } } }
      repositoriesOrError { ... on RepositoryConnection { nodes { sensors { name
        sensorState { ticks(limit: 1) { status } } } } } } }"""
    try:
        data = service.graphql(query)
    except OSError:
        return False
    nodes = (data["repositoriesOrError"] or {}).get("nodes") or []
    sensors = {s["name"]: s["sensorState"]["ticks"] for node in nodes for s in node["sensors"]}
    return bool(sensors.get("sync_requests"))
