"""One service per home, and what is done about the processes of one that was killed.

`service.lock` is held while the service runs, by the kernel, so it ends with its process.
`service.json` lists the processes it started, each with its start, so that a number that now
belongs to another process is told.
"""

from __future__ import annotations

import fcntl
import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from connections.errors import DashtrayError
from connections.settings import Settings
from console.output import err
from console.supervisor import signal_group

_SAME_START_SECONDS = 0.05


class ServiceRuns(DashtrayError):
    """The service runs already, or still."""


@contextmanager
def only_service(settings: Settings) -> Iterator[None]:
    """Hold this home's place of the one service; first end what a killed one left running.

    Raises:
        ServiceRuns: Another process holds it.
    """
    with settings.service_lock_path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceRuns(
                f"The service of {settings.home} runs already"
                f"{_process(settings.service_lock_path.read_text())}. Stop it "
                "first, or set DASHTRAY_HOME to another directory."
            ) from None
        handle.truncate(0)
        handle.write(f"{psutil.Process().pid}\n")
        handle.flush()
        _end_orphans(_record(settings))
        yield
        _record(settings).unlink(missing_ok=True)


def remember(settings: Settings, pids: Mapping[str, int]) -> None:
    """Note the service's processes, in case that nobody is left to stop them."""
    processes = []
    for name, pid in pids.items():
        with suppress(psutil.NoSuchProcess):
            started = psutil.Process(pid).create_time()
            processes.append({"name": name, "pid": pid, "started": started})
    aside = _record(settings).with_suffix(".new")
    aside.write_text(json.dumps(processes))
    aside.replace(_record(settings))


def _end_orphans(record: Path) -> None:
    if not record.exists():
        return
    for process in json.loads(record.read_text()):
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(process["pid"])
            if abs(found.create_time() - process["started"]) <= _SAME_START_SECONDS:
                err.print(f"Ending the {process['name']} that a killed service left running.")
                signal_group(process["pid"], signal.SIGKILL)
                with suppress(psutil.TimeoutExpired):
                    found.wait(timeout=10)
    record.unlink()


def _record(settings: Settings) -> Path:
    return settings.home / "service.json"


def _process(content: str) -> str:
    pid = content.strip()
    return f" (process {pid})" if pid.isdigit() else ""
