"""The service's processes: started together, stopped together."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from console.service import PortTaken, check_port

#: A child that has a child of its own; both write their process id and wait for ever.
FAMILY = """
import subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(sys.argv[1], "w") as file:
    file.write(str(grandchild.pid))
print("ready", flush=True)
time.sleep(600)
"""

#: A child that ends as soon as the family is there.
DYING = """
import pathlib, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
raise SystemExit(7)
"""

RUN = """
import sys
from console.service import Child, run
python = sys.executable
children = [Child(name, [python, "-c", code, *rest]) for name, code, *rest in {children!r}]
run(children)
"""


def run_service(children: list[tuple[str, ...]]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", RUN.format(children=children)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_every_child_and_grandchild(tmp_path: Path, signum: signal.Signals) -> None:
    pid_file = tmp_path / "pid"
    service = run_service([("family", FAMILY, str(pid_file))])
    assert service.stdout is not None
    assert service.stdout.readline() == "ready\n"

    os.kill(service.pid, signum)
    service.communicate(timeout=30)

    assert service.returncode == 0
    assert not alive(int(pid_file.read_text()))


def test_a_child_that_dies_stops_the_others_and_is_named(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    service = run_service([("family", FAMILY, str(pid_file)), ("daemon", DYING, str(pid_file))])

    _, errors = service.communicate(timeout=30)

    assert service.returncode != 0
    assert "The daemon process ended with exit code 7" in errors
    assert not alive(int(pid_file.read_text()))


def test_a_taken_port_is_said_with_its_number() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            check_port("127.0.0.1", port)
