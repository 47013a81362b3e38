"""`dashtray up`: the service as a person starts it, with a sync request from outside."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from console.demo.run import compare_published
from console.demo.simulator import Simulator
from tests.e2e.conftest import Deployment

pytestmark = pytest.mark.e2e

_DEADLINE_SECONDS = 180


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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (deployment.home.parent / "up.log").open("wb")
    service = subprocess.Popen(
        [sys.executable, "-m", "console.cli", "up", "--port", str(port)],
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
        service.wait(timeout=60)
        log.close()
    assert service.returncode == 0
    _, left = psutil.wait_procs(family, timeout=20)
    assert [process.cmdline() for process in left] == []


def graphql(url: str, query: str) -> dict[str, object]:
    """Ask the Dagster UI's own API."""
    request = urllib.request.Request(
        f"{url}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        data: dict[str, object] = json.load(answer)["data"]
    return data


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5):
            return True
    except OSError:
        return False


def test_the_service_imports_a_connected_account_by_itself(
    connected: Deployment, stripe: Simulator
) -> None:
    def imported() -> bool:
        (account,) = connected.must("accounts")
        return account["last_success"] is not None

    with running_service(connected) as (url, service):
        wait_for("the UI", lambda: answers(url), service)
        wait_for("the first import", imported, service)
        runs = graphql(url, "{ runsOrError { ... on Runs { results { status jobName } } } }")
        statuses = json.dumps(runs)

    assert "SUCCESS" in statuses
    assert "FAILURE" not in statuses
    assert [c for c in compare_published(connected.settings, stripe) if c.wrong] == []
