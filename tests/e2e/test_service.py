"""`dashtray up`: the service as a person starts it, while its parts are killed one by one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from console.demo.run import compare_published
from console.demo.simulator import Simulator
from tests.e2e.conftest import Deployment, advance

pytestmark = pytest.mark.e2e

_DEADLINE_SECONDS = 300


def wait_for(what: str, condition: Callable[[], bool], service: subprocess.Popen[bytes]) -> None:
    """Ask again and again, until the deadline, whether something has come true."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        assert service.poll() is None, f"the service ended while waiting for {what}"
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.5)


@contextmanager
def running_service(
    deployment: Deployment,
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run `dashtray up` on a free port; stop it with Ctrl-C; nothing of it may remain."""
    with socket.socket() as probe, socket.socket() as second:
        probe.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        port, web_port = probe.getsockname()[1], second.getsockname()[1]
    log = (deployment.home.parent / "up.log").open("wb")
    service = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "console.cli",
            "up",
            "--port",
            str(port),
            "--web-port",
            str(web_port),
        ],
        env=deployment.environment,
        stdout=log,
        stderr=log,
    )
    family: list[psutil.Process] = []
    try:
        yield f"http://127.0.0.1:{port}", service
        family = psutil.Process(service.pid).children(recursive=True)
    finally:
        service.send_signal(signal.SIGINT)
        service.wait(timeout=180)
        log.close()
    assert service.returncode == 0
    _, left = psutil.wait_procs(family, timeout=20)
    assert [process.cmdline() for process in left] == []


def graphql(url: str, query: str) -> dict[str, Any]:
    """Ask the Dagster UI's own API."""
    request = urllib.request.Request(
        f"{url}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
    return data


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5):
            return True
    except OSError:
        return False


def test_it_imports_by_itself_and_outlives_its_parts(
    connected: Deployment, stripe: Simulator
) -> None:
    def syncs(status: str) -> bool:
        return status in [run["status"] for run in runs(url) if run["jobName"] == "sync"]

    def last_success() -> object:
        return connected.must("accounts")[0]["last_success"]

    def restarted(name: str, former: int) -> bool:
        return processes(connected).get(name, former) != former

    def kill(name: str) -> None:
        former = processes(connected)[name]
        os.kill(former, signal.SIGKILL)
        wait_for(f"the {name} again", lambda: restarted(name, former), service)

    with running_service(connected) as (url, service):
        wait_for("the UI", lambda: answers(url), service)
        wait_for("the first import to run", lambda: syncs("STARTED"), service)
        # What a run needs is its own process: neither daemon nor webserver.
        kill("daemon")
        kill("webserver")
        wait_for("the first import", lambda: last_success() is not None, service)
        wait_for("the UI again", lambda: answers(url), service)
        assert not syncs("FAILURE")
        assert [c for c in compare_published(connected.settings, stripe) if c.wrong] == []

        # A run that dies with its server is said to have failed, and its account is free again.
        imported_at = last_success()
        connected.must("sync", stripe.account_id)
        wait_for("a sync to run", lambda: syncs("STARTED"), service)
        kill("code server")
        wait_for("the run's end", lambda: syncs("FAILURE") and not syncs("STARTED"), service)
        kill_postgres(connected)
        wait_for("Postgres", lambda: connected.dashtray("accounts").returncode == 0, service)
        advance(stripe, 86_400)
        connected.must("sync", stripe.account_id)
        wait_for("the next sync", lambda: last_success() != imported_at, service)
        assert [c for c in compare_published(connected.settings, stripe) if c.wrong] == []

        # Told to stop it lets a run end.
        connected.must("sync", stripe.account_id)
        wait_for("one more sync to run", lambda: syncs("STARTED"), service)

    (account,) = connected.must("accounts")
    assert account["last_error"] is None
    assert (connected.home / "service.json").exists() is False


def processes(deployment: Deployment) -> dict[str, int]:
    """The process ids of the service's parts, as it notes them itself."""
    record = json.loads((deployment.home / "service.json").read_text())
    return {process["name"]: process["pid"] for process in record}


def kill_postgres(deployment: Deployment) -> None:
    """Kill the embedded server; one that was given is not ours to kill."""
    pid_file = deployment.settings.postgres_dir / "data" / "postmaster.pid"
    if "DATABASE_URL" not in deployment.environment:
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)


def runs(url: str) -> list[dict[str, str]]:
    """All runs that Dagster knows; none while its webserver is away."""
    query = "{ runsOrError { ... on Runs { results { status jobName } } } }"
    try:
        found: dict[str, list[dict[str, str]]] = graphql(url, query)["runsOrError"]
    except OSError:
        return []
    return found["results"]
