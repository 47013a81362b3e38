"""One service per home: a lock that is held while it runs.

By the kernel, so that it ends with its process, however that ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from connections.errors import DashtrayError
from connections.settings import Settings


class ServiceRunsError(DashtrayError):
    """The service of this home runs."""


@contextmanager
def hold_service_lock(settings: Settings) -> Iterator[None]:
    """Hold the place of this home's one service.

    Raises:
        ServiceRunsError: another process holds it; says which.
    """
    with settings.service_lock_path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = settings.service_lock_path.read_text().strip()
            raise ServiceRunsError(
                f"The service of {settings.home} runs (process {pid or 'unknown'}). Stop it "
                "first, or set DASHTRAY_HOME to another directory."
            ) from None
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


@contextmanager
def hold_part_lock(settings: Settings, part: str) -> Iterator[None]:
    """Hold the place of one part of the service, beside other parts in processes of their own.

    Raises:
        ServiceRunsError: the whole service runs, or this part does.
    """
    path = settings.service_lock_path.with_suffix(f".{part}.lock")
    with settings.service_lock_path.open("a+") as whole, path.open("a+") as own:
        try:
            fcntl.flock(whole, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceRunsError(
                f"The service of {settings.home}, or its {part}, runs already. Stop it first, or "
                "set DASHTRAY_HOME to another directory."
            ) from None
        # Of the whole service nobody is the one process.
        whole.truncate(0)
        yield


def service_process(settings: Settings) -> int | None:
    """The process that holds the place of the service; None when nobody does, 0 = not known."""
    if not settings.service_lock_path.exists():
        return None
    with settings.service_lock_path.open("r+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = settings.service_lock_path.read_text().strip()
            return int(pid) if pid.isdigit() else 0
    return None
