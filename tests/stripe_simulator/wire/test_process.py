"""The command as people start it: ready file, signals, refusals."""

import json
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

COMMAND = [sys.executable, "-m", "stripe_simulator", "--preset", "tiny"]
FROZEN = ["--now", "2026-11-01T12:00:00Z"]


@contextmanager
def started(
    folder: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    ready_file = folder / "ready.json"
    command = [*COMMAND, *options, "--ready-file", str(ready_file)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 60
            while not ready_file.exists():
                assert process.poll() is None, "the simulator ended"
                assert time.monotonic() < until, "the simulator did not become ready"
                time.sleep(0.05)
            assert stat.S_IMODE(ready_file.stat().st_mode) == 0o600
            yield process, json.loads(ready_file.read_text())
        finally:
            process.kill()


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_ends_cleanly(tmp_path: Path, number: int) -> None:
    with started(tmp_path, *FROZEN) as (process, ready):
        account = ready["accounts"][0]
        with httpx.Client(base_url=ready["url"], auth=(account["api_key"], "")) as client:
            answer = client.get("/v1/charges")
            assert answer.status_code == 200
            assert answer.headers["Date"] == "Sun, 01 Nov 2026 12:00:00 GMT"
            process.send_signal(number)
            assert process.wait(10) == 0
    assert not (tmp_path / "ready.json").exists()


#: Starts a simulator as the demo does, says its process, and stays.
PARENT = """
import datetime, psutil, time
from console.demo import simulator
now = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
with simulator.running("tiny", now - datetime.timedelta(days=100), now):
    print(psutil.Process().children()[0].pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.e2e
def test_it_ends_with_the_process_that_started_it_however_that_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        simulator = psutil.Process(int(parent.stdout.readline()))
        assert simulator.is_running()
        parent.kill()
    until = time.monotonic() + 60
    # Gone, or waiting for a first process of the machine that buries nobody.
    with suppress(psutil.NoSuchProcess):
        while simulator.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < until, "the simulator outlives its parent"
            time.sleep(0.05)


@pytest.mark.e2e
def test_two_runs_give_the_same_bytes_and_time_only_adds(tmp_path: Path) -> None:
    def read(now: str, folder: str) -> dict[str, Any]:
        (tmp_path / folder).mkdir()
        start = ("--start", "2026-01-01", "--now", now)
        with started(tmp_path / folder, *start) as (_, ready):
            account = ready["accounts"][0]
            control = httpx.get(
                f"{ready['url']}/_simulator/state",
                params={"account": account["account"], "type": "charge"},
            )
            return {line["id"]: line for line in map(json.loads, control.text.splitlines())}

    early = read("2026-06-01", "a")
    assert early == read("2026-06-01", "b")
    late = read("2026-07-01", "c")
    assert len(late) > len(early)
    assert set(early) <= set(late)
    assert all(late[key]["amount"] == charge["amount"] for key, charge in early.items())


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--host", "0.0.0.0"], "not a loopback address"),  # noqa: S104
        (["--now", "tomorrow"], "2026-11-01"),
        (["--preset", "huge"], "huge"),
        (["--start", "2027-01-01", *FROZEN], "after the virtual present"),
        (["--set", "refund"], "name=value"),
        (["--set", "luck=1"], "luck"),
        (["--app-permission", "charges"], "charge,"),
        (["--webhook-url", "https://example.com/"], "loopback"),
    ],
)
def test_what_it_cannot_do_it_says(options: list[str], words: str) -> None:
    command = [*COMMAND, *(options if "--now" in options else [*options, *FROZEN])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    said = " ".join(done.stderr.replace("│", " ").split())
    assert words in said
    assert "Traceback" not in said
