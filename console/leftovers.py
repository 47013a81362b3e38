"""What is done about the processes of a service that was killed.

`service.json` lists the processes that a service started, each with its start, so that a number
that now belongs to another process is told.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from connections.service_lock import hold_service_lock
from connections.settings import Settings
from console.output import err
from console.supervisor import signal_group

_SAME_START_SECONDS = 0.05


@contextmanager
def only_service(settings: Settings) -> Iterator[None]:
    """Hold this home's place of the one service; first end what a killed one left running.

    Raises:
        ServiceRunsError: Another process holds it.
    """
    with hold_service_lock(settings):
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
