"""`dashtray up`: the service's processes, started, watched and stopped together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from connections.errors import DashtrayError
from console.dagster_home import PROJECT_DIR
from console.output import err

#: How long a child may take to end by itself before it is killed.
STOP_SECONDS = 20


class PortTaken(DashtrayError):
    """Another program listens on the port."""


class ChildDied(DashtrayError):
    """A process of the service ended although nobody asked it to."""


@dataclass(frozen=True)
class Child:
    """One process of the service: its name for people and its command."""

    name: str
    command: Sequence[str]


def children(host: str, port: int) -> list[Child]:
    """Return the processes of the service: Dagster's webserver and its daemon."""
    workspace = str(PROJECT_DIR / "workspace.yaml")
    python = [sys.executable, "-m"]
    return [
        Child(
            "webserver",
            [*python, "dagster_webserver", "-w", workspace, "-h", host, "-p", str(port)],
        ),
        Child("daemon", [*python, "dagster._daemon", "run", "-w", workspace]),
    ]


def check_port(host: str, port: int) -> None:
    """Make sure that nothing listens on the port.

    Raises:
        PortTaken: Something does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise PortTaken(
                f"Port {port} on {host} is taken by another program. Stop that program, or "
                f"choose another port: dashtray up --port {port + 1}"
            ) from None


def run(processes: Sequence[Child]) -> None:
    """Run the processes until the first ends or this one is told to stop.

    SIGINT (Ctrl-C) and SIGTERM stop all of them; so does the end of any of them.

    Args:
        processes: What to start.

    Raises:
        ChildDied: A process ended by itself.
    """
    stop = threading.Event()
    ended: list[tuple[Child, int]] = []

    def watch(child: Child, process: subprocess.Popen[bytes]) -> None:
        ended.append((child, process.wait()))
        stop.set()

    with ExitStack() as cleanup:
        for signum in (signal.SIGINT, signal.SIGTERM):
            former = signal.signal(signum, lambda *_: stop.set())
            cleanup.callback(signal.signal, signum, former)
        for child in processes:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                child.command,
                # A group of its own: Ctrl-C in the terminal reaches this process only, which
                # then stops the whole group, grandchildren included.
                start_new_session=True,
                cwd=PROJECT_DIR,
            )
            cleanup.callback(_stop_group, process)
            threading.Thread(target=watch, args=(child, process), daemon=True).start()
        stop.wait()
        died = list(ended)
        err.print("Stopping ...")
    if died:
        child, code = died[0]
        raise ChildDied(
            f"The {child.name} process ended with exit code {code}; its last lines are above. "
            "The service has been stopped."
        )


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    _signal_group(process, signal.SIGINT)
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        err.print(f"Process {process.pid} did not stop in {STOP_SECONDS} s and is killed.")
    # Whatever of the group outlived its leader goes too.
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], signum: signal.Signals) -> None:
    try:
        os.killpg(process.pid, signum)
    except ProcessLookupError:
        return
