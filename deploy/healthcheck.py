"""Whether the part of the service that this container runs works; the exit code says so.

    python deploy/healthcheck.py [code-server|webserver|daemon|console]

Without a word it looks which part process 1 was told to run (`dashtray up --only …`); the whole
service is as healthy as its console. Starts in a tenth of a second, so that it may be asked often:
nothing of Dagster is imported.
"""

from __future__ import annotations

import os
import socket
import sys
import urllib.parse
import urllib.request
from pathlib import Path

#: Dagster's daemons beat every half minute.
_SILENT_SECONDS = 120


def part_of(command: list[str]) -> str:
    """The part that a command of `dashtray up` runs; the console's for all of them."""
    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word == "--only":
            return following
        if word.startswith("--only="):
            return word.partition("=")[2]
    return "console"


def code_server() -> None:
    """Its socket takes connections."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        probe.connect(str(Path(os.environ["DASHTRAY_HOME"]) / "dagster" / "socket" / "code"))


def webserver() -> None:
    """It answers, below whatever path a proxy shows it at."""
    path = urllib.parse.urlsplit(os.environ.get("DASHTRAY_DAGSTER_URL", "")).path.rstrip("/")
    _ask(f"http://127.0.0.1:3000{path}/server_info")


def daemon() -> None:
    """Its heartbeats go on."""
    import psycopg2

    # SQLAlchemy's spelling names the driver, libpq's does not.
    url = os.environ["DATABASE_URL"].replace("+psycopg2", "", 1)
    with psycopg2.connect(url, connect_timeout=5) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM daemon_heartbeats WHERE timestamp > now() AT TIME ZONE 'UTC'"
            " - make_interval(secs => %s)",
            [_SILENT_SECONDS],
        )
        (beating,) = cursor.fetchone() or (0,)
    if not beating:
        raise RuntimeError(f"no daemon has shown itself for {_SILENT_SECONDS} s")


def console() -> None:
    """It answers."""
    _ask("http://127.0.0.1:8000/health")


PARTS = {
    "code-server": code_server,
    "webserver": webserver,
    "daemon": daemon,
    "console": console,
}


def _ask(url: str) -> None:
    urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own, on loopback


def main() -> None:
    """Ask the part."""
    command = Path("/proc/1/cmdline").read_text().split("\0")
    part = sys.argv[1] if len(sys.argv) > 1 else part_of(command)
    try:
        PARTS[part]()
    except Exception as error:  # whatever it is: the container is not healthy
        sys.exit(f"The {part} does not answer: {type(error).__name__}.")


if __name__ == "__main__":
    main()
