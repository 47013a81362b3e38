"""How far a run is, and how long its phases took: a small file that anybody may read.

The command line shows it live, the demo prints its phases. It is a report, not state:
nothing depends on it and it may be deleted at any time.
"""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

#: Writing at every page would cost more than the page.
_WRITE_EVERY_SECONDS = 0.2


class RunReport:
    """The report of one run, written as it grows.

    The file holds `{"run_id", "phase", "phase_began_at", "phases": [{"name", "seconds",
    "peak_rss_bytes"}], "streams": {account_id: {stream: {"phase", "objects", "share"}}}}`.
    Seconds are wall time, `phase_began_at` is in unix seconds, `peak_rss_bytes` is the process's
    peak so far, `share` is the part of a history that has been read, where that can be told.
    """

    def __init__(self, directory: Path, run_id: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{run_id}.json"
        self._lock = threading.Lock()
        self._written = 0.0
        self._content: dict[str, Any] = {
            "run_id": run_id,
            "phase": None,
            "phase_began_at": None,
            "phases": [],
            "streams": {},
        }
        if self.path.exists():
            # The steps of a run may be different processes; each goes on with the same file.
            self._content = orjson.loads(self.path.read_bytes())

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase; a phase that fails is recorded too."""
        began = time.monotonic()
        with self._lock:
            self._content |= {"phase": name, "phase_began_at": time.time()}
            self._write()
        try:
            yield
        finally:
            with self._lock:
                self._content |= {"phase": None, "phase_began_at": None}
                self._content["phases"].append(
                    {
                        "name": name,
                        "seconds": round(time.monotonic() - began, 3),
                        "peak_rss_bytes": peak_rss_bytes(),
                    }
                )
                self._write()

    def stream(
        self, account_id: str, stream: str, phase: str, objects: int, share: float | None = None
    ) -> None:
        """Record how far one stream of one account is."""
        with self._lock:
            streams = self._content["streams"].setdefault(account_id, {})
            streams[stream] = {"phase": phase, "objects": objects, "share": share}
            if time.monotonic() - self._written > _WRITE_EVERY_SECONDS:
                self._write()

    def _write(self) -> None:
        aside = self.path.with_suffix(".new")
        aside.write_bytes(orjson.dumps(self._content))
        aside.replace(self.path)
        self._written = time.monotonic()


def peak_rss_bytes() -> int:
    """Return this process's peak resident memory in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak if sys.platform == "darwin" else peak * 1024
