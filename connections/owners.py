"""Telling whether the process that took a piece of work is still alive.

Dagster knows this about the runs it launched; a run in a terminal (`--here`) that was killed has
nobody to tell. So each piece of work carries the process's own identity.
"""

import socket
from functools import cache
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Two reads of one process's start may differ by the clock's grain.
_SAME_START_SECONDS = 0.05


def this_process() -> str:
    """This process's identity: host, boot of the machine, process id, its start."""
    process = psutil.Process()
    return f"{socket.gethostname()}|{_boot()}|{process.pid}|{process.create_time():.2f}"


def is_dead(owner: str) -> bool:
    """Whether that process is certainly gone. False when it cannot be known (another host)."""
    try:
        host, boot, pid, start = owner.split("|")
        number, started = int(pid), float(start)
    except ValueError:
        return False
    if host != socket.gethostname():
        return False
    if boot != _boot():
        return True
    try:
        process = psutil.Process(number)
        return (
            abs(process.create_time() - started) > _SAME_START_SECONDS
            or process.status() == psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


@cache
def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"
