"""The service's processes: what they are, and how they are stopped without losing work.

How processes are kept alive is in `supervisor`, what a killed service left in `leftovers`.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from connections.embedded import EmbeddedPostgres
from connections.errors import DashtrayError
from connections.settings import Settings
from console import service_runs
from console.dagster_home import PROJECT_DIR, code_socket, write_workspace
from console.output import err
from console.supervisor import Child, Keeper, Supervisor

#: Runs that did not end in time are asked to stop; then they have so many seconds.
CANCEL_SECONDS = 10
_LOOK_SECONDS = 1.0


class Part(StrEnum):
    """The service's processes, as `dashtray up --only` knows them."""

    CODE_SERVER = "code-server"
    WEBSERVER = "webserver"
    DAEMON = "daemon"
    CONSOLE = "console"

    @property
    def child(self) -> str:
        """The name of its process for people."""
        return self.value.replace("-", " ")

    @classmethod
    def named(cls, word: str) -> Part:
        """The part of that name.

        Raises:
            UnknownPart: There is none.
        """
        try:
            return cls(word)
        except ValueError:
            raise UnknownPart(
                f"The service has no part {word!r}. Parts: {', '.join(cls)}."
            ) from None


class UnknownPart(DashtrayError):
    """The service has no such process."""


class PortTaken(DashtrayError):
    """Another program listens on the port."""


@dataclass(frozen=True)
class Addresses:
    """Where the service listens.

    Attributes:
        web_host: Of the console.
        web_port: Of the console.
        dagster_host: Of the Dagster UI, which has no login: loopback unless it was asked for.
        dagster_port: Of the Dagster UI.
        dagster_url: Where a proxy shows the Dagster UI; None = nowhere.
    """

    web_host: str
    web_port: int
    dagster_host: str
    dagster_port: int
    dagster_url: str | None = None


def children(settings: Settings, at: Addresses) -> list[Child]:
    """Return the processes of the service, in the order of their start.

    One code server for both others, so that the runs, which are its children, live on when the
    webserver or the daemon does not.
    """
    workspace = str(write_workspace(settings))
    address = code_socket(settings)
    python = [sys.executable, "-m"]
    prefix = urlsplit(at.dagster_url or "").path
    shown = at.dagster_url or f"http://{at.dagster_host}:{at.dagster_port}"

    def before_code_server() -> None:
        address.unlink(missing_ok=True)
        service_runs.fail_orphans()

    return [
        Child(
            Part.CODE_SERVER.child,
            [
                *[*python, "orchestration.code_server"],
                *["--module-name", "orchestration.definitions"],
                *["--socket", str(address), "--working-directory", str(PROJECT_DIR)],
            ],
            PROJECT_DIR,
            before_start=before_code_server,
            ready=lambda: _listens(address),
        ),
        Child(
            Part.WEBSERVER.child,
            [
                *[*python, "dagster_webserver", "-w", workspace],
                *["-h", at.dagster_host, "-p", str(at.dagster_port)],
                # A proxy may show it below a path of the console's own host.
                *(["--path-prefix", prefix] if prefix else []),
            ],
            PROJECT_DIR,
        ),
        Child(Part.DAEMON.child, [*python, "dagster._daemon", "run", "-w", workspace], PROJECT_DIR),
        Child(
            Part.CONSOLE.child,
            [
                *[*python, "console.web.server", "--host", at.web_host],
                *["--port", str(at.web_port), "--dagster-url", shown],
            ],
            PROJECT_DIR,
        ),
    ]


def keepers(settings: Settings) -> list[Keeper]:
    """Return what must run beside the children: the embedded Postgres, if it is used."""
    if settings.database_url is not None:
        return []
    server = EmbeddedPostgres(settings.postgres_dir)
    return [Keeper("embedded Postgres", server.ensure)]


def drainer(settings: Settings, supervisor: Supervisor) -> Callable[[], None]:
    """Return what is done between the daemon's end and the others': running runs are let end.

    The daemon, which alone starts runs, is gone by then. What has not ended after
    `DASHTRAY_DRAIN_SECONDS` is asked to stop, and what does not stop is killed with its server:
    every step of a run can be repeated, and the accounts' next sync does.
    """

    def wait(seconds: float) -> bool:
        """Whether all runs ended before the time was over or somebody hurried."""
        left = seconds
        while service_runs.in_progress():
            if left <= 0 or supervisor.hurried:
                return False
            supervisor.pause(_LOOK_SECONDS)
            left -= _LOOK_SECONDS
        return True

    def drain() -> None:
        running = service_runs.in_progress()
        if not running:
            return
        err.print(
            f"{len(running)} run(s) may go on for {settings.drain_seconds} s "
            "(DASHTRAY_DRAIN_SECONDS) ..."
        )
        if wait(settings.drain_seconds):
            return
        asked = [] if supervisor.hurried else service_runs.cancel()
        if asked:
            err.print(f"Asked to stop, and repeated at the next start: {', '.join(asked)}")
            wait(CANCEL_SECONDS)

    return drain


def check_port(host: str, port: int, option: str = "--port") -> None:
    """Make sure that nothing listens on the port.

    Args:
        host: Address to listen on.
        port: The port.
        option: The option of `dashtray up` that would choose another one.

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
                f"choose another port: dashtray up {option} {port + 1}"
            ) from None


def _listens(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(address))
        except OSError:
            return False
    return True
