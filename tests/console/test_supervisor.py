"""Processes kept alive: restarted, given up, stopped in order, with real processes and kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from console.supervisor import Budget, Child, ChildKeepsDying, Supervisor

#: A child that has a child of its own; both write their process ids and wait for ever.
FAMILY = """
import os, pathlib, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
aside = folder / f"{os.getpid()}.new"
aside.write_text(f"{os.getpid()} {grandchild.pid}")
aside.rename(folder / f"{sys.argv[2]}-{time.monotonic_ns()}")
try:
    time.sleep(600)
except KeyboardInterrupt:
    with (folder / "ended").open("a") as file:
        file.write(sys.argv[2] + " ")
"""

DYING = "raise SystemExit(7)"

STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
pathlib.Path(sys.argv[1], "stubborn").write_text("0 0")
time.sleep(600)
"""

RUN = """
import pathlib, sys
from console.supervisor import Budget, Child, Supervisor
children = [Child(name, [sys.executable, "-c", code, *rest]) for name, code, *rest in {children!r}]
supervisor = Supervisor(children, budget=Budget(2, 60.0, 0.05, 0.1))
def drain():
    with pathlib.Path({folder!r}, "ended").open("a") as file:
        file.write("drained ")
supervisor.run(drain, drain_after={drain_after!r})
"""


def run_service(
    folder: Path, children: list[tuple[str, ...]], drain_after: str = ""
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            RUN.format(children=children, folder=str(folder), drain_after=drain_after),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def families(folder: Path, name: str = "family") -> list[list[int]]:
    """The process ids of a child and its grandchild, one pair for each start."""
    return [[int(p) for p in f.read_text().split()] for f in sorted(folder.glob(f"{name}-*"))]


@pytest.mark.parametrize(
    ("signum", "drain_after", "ended"),
    [
        (signal.SIGINT, "second", "second drained first "),
        (signal.SIGTERM, "second", "second drained first "),
        # Its daemon is in another container, and has been stopped before.
        (signal.SIGTERM, "none of them", "drained second first "),
    ],
)
def test_a_signal_stops_every_child_in_order_and_drains_between(
    tmp_path: Path, signum: signal.Signals, drain_after: str, ended: str
) -> None:
    folder = str(tmp_path)
    service = run_service(
        tmp_path,
        [("first", FAMILY, folder, "first"), ("second", FAMILY, folder, "second")],
        drain_after,
    )
    until(lambda: bool(families(tmp_path, "first") and families(tmp_path, "second")))

    service.send_signal(signum)
    service.communicate(timeout=30)

    assert service.returncode == 0
    assert (tmp_path / "ended").read_text() == ended
    pids = [*families(tmp_path, "first")[0], *families(tmp_path, "second")[0]]
    until(lambda: not any(alive(pid) for pid in pids))


def test_a_killed_child_is_started_again_and_what_it_left_is_ended(tmp_path: Path) -> None:
    service = run_service(tmp_path, [("family", FAMILY, str(tmp_path), "family")])
    until(lambda: len(families(tmp_path)) == 1)
    child, grandchild = families(tmp_path)[0]

    os.kill(child, signal.SIGKILL)
    until(lambda: len(families(tmp_path)) == 2)

    until(lambda: not alive(grandchild))
    assert all(alive(pid) for pid in families(tmp_path)[1])
    service.send_signal(signal.SIGTERM)
    _, errors = service.communicate(timeout=30)
    assert service.returncode == 0
    assert "The family was ended by SIGKILL; it is started again in 0.05 s (crash 1" in errors


def test_one_that_keeps_dying_stops_the_others_and_is_named(tmp_path: Path) -> None:
    service = run_service(
        tmp_path, [("family", FAMILY, str(tmp_path), "family"), ("daemon", DYING)]
    )

    _, errors = service.communicate(timeout=30)

    assert service.returncode != 0
    assert "The daemon ended with 7: 3 crashes within" in " ".join(errors.split())
    until(lambda: not any(alive(pid) for pids in families(tmp_path) for pid in pids))


def test_a_second_signal_hurries(tmp_path: Path) -> None:
    service = run_service(tmp_path, [("stubborn", STUBBORN, str(tmp_path))], "stubborn")
    until((tmp_path / "stubborn").exists)

    began = time.monotonic()
    service.send_signal(signal.SIGTERM)
    assert service.stderr is not None
    assert "Stopping" in service.stderr.readline()
    service.send_signal(signal.SIGTERM)
    service.communicate(timeout=30)

    assert service.returncode == 0
    assert not (tmp_path / "ended").exists()
    assert time.monotonic() - began < 10


def test_a_start_that_fails_is_tried_again_and_given_up(tmp_path: Path) -> None:
    started = []

    def before_start() -> None:
        started.append(1)
        if len(started) != 2:
            raise ConnectionError("the database is away")

    child = Child("server", [sys.executable, "-c", DYING], before_start=before_start)
    supervisor = Supervisor([child], budget=Budget(3, 60.0, 0.01, 0.01))

    with pytest.raises(ChildKeepsDying, match=r"cannot be started \(ConnectionError\): 4 crashes"):
        supervisor.run()

    assert len(started) == 4
