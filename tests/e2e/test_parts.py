"""`dashtray up --only`: the parts of the service, each as if in a container of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import new_database
from tests.e2e.conftest import Deployment, plain_url
from tests.test_deploy import DEPLOY

pytestmark = [pytest.mark.e2e, pytest.mark.long]

_DEADLINE_SECONDS = 300


def start(deployment: Deployment, part: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "console.cli", "up", "--only", part], env=deployment.environment
    )


def wait_until_healthy(deployment: Deployment, part: str, process: subprocess.Popen[bytes]) -> None:
    check = [sys.executable, DEPLOY / "healthcheck.py", part]
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while subprocess.run(check, env=deployment.environment, capture_output=True).returncode:
        assert process.poll() is None, f"the {part} ended"
        assert time.monotonic() < deadline, f"the {part} was never healthy"
        time.sleep(0.5)


def test_parts_work_together_and_stop_one_by_one(deployment: Deployment, postgres_url: str) -> None:
    with new_database(postgres_url) as database:
        deployment.environment["DATABASE_URL"] = plain_url(database)
        code_server = start(deployment, "code-server")
        daemon = None
        try:
            wait_until_healthy(deployment, "code-server", code_server)
            daemon = start(deployment, "daemon")
            wait_until_healthy(deployment, "daemon", daemon)

            for words in (["--only", "daemon"], []):
                refused = deployment.dashtray("up", *words)
                assert refused.returncode == 1
                assert "runs" in refused.stderr
            assert "it runs, in parts" in deployment.dashtray("doctor").stdout
        finally:
            for process in (daemon, code_server):
                if process is not None:
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(timeout=60) == 0
