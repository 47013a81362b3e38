"""A simulator of its own for a benchmark: live limits, latency, a business of the wanted size."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOW = "2026-11-01T00:00:00Z"
START = "2026-03-06T00:00:00Z"
"""Eight months before `NOW`: customers who pay monthly have then paid four times on average."""

CHARGES_OF_ONE_COPY = 2_000
BUSINESS = {"customers_per_day": 2.15, "yearly": 0, "one_off": 0, "second_item": 0.05}
"""About `CHARGES_OF_ONE_COPY` charges, as many invoices, a quarter as many customers and
subscriptions."""


@dataclass(frozen=True)
class Simulator:
    """A running simulator."""

    url: str
    accounts: list[dict[str, Any]]

    def control(self, path: str, body: Any = None) -> Any:
        """Ask the simulator's control interface; a body makes it a POST."""
        request = urllib.request.Request(  # noqa: S310 - the address is a loopback one
            f"{self.url}/_simulator/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method="GET" if body is None else "POST",
        )
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return json.load(response)

    def requests(self) -> dict[str, int]:
        """Return requests by endpoint since the last call."""
        counts: dict[str, int] = self.control("requests")["endpoints"]
        self.control("requests/reset", {})
        return counts


@contextmanager
def running_simulator(*options: str, limits: str, latency: int) -> Iterator[Simulator]:
    """Start a simulator on a free port; it ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        ready_file = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "stripe_simulator", "--now", NOW, "--limits", limits]
        command += ["--latency", str(latency), "--ready-file", str(ready_file), *options]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                while not ready_file.exists():
                    if process.poll() is not None:
                        raise SystemExit("the simulator did not start")
                    time.sleep(0.1)
                ready = json.loads(ready_file.read_text())
                yield Simulator(ready["url"], ready["accounts"])
            finally:
                process.terminate()


def business_of(charges: int) -> list[str]:
    """Return the options that make one account with about `charges` charges."""
    copies = max(1, round(charges / CHARGES_OF_ONE_COPY))
    rates = [f"--set={name}={value}" for name, value in BUSINESS.items()]
    return ["--start", START, "--copies", str(copies), *rates]
