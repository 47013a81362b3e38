"""The one-writer lock of the warehouse file.

DuckDB lets one process write a file and then no other may even read it. Dagster's pool
orders the steps of the service; this lock also covers what bypasses pools (a command-line
materialisation, a backup, a notebook that uses it). Nothing else belongs here.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

#: Name of the Dagster pool that every step that opens the warehouse belongs to.
WAREHOUSE_POOL = "warehouse"

_POLL_SECONDS = 0.05


@contextmanager
def warehouse_lock(path: Path, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the exclusive right to open the warehouse.

    The operating system frees the lock when the process dies, however it dies.

    Args:
        path: The lock file; made if it is not there. It holds the owner's process id
            and since when, for people and for `dashtray doctor`.
        on_wait: Called once with a sentence if another process holds the lock.

    Yields:
        Nothing; the lock is held inside the `with` block.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        waiting_said = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if on_wait and not waiting_said:
                    on_wait(f"Waiting for the warehouse: another process holds {path}.")
                    waiting_said = True
                # flock has no time-out; a short poll keeps the wait interruptible.
                time.sleep(_POLL_SECONDS)
        handle.seek(0)
        handle.truncate()
        handle.write(f"{os.getpid()} {datetime.now(UTC).isoformat(timespec='seconds')}\n")
        handle.flush()
        yield
