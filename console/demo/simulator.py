"""The simulator as a child process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from connections.errors import DashtrayError

_START_SECONDS = 120
_POLL_SECONDS = 0.05


class SimulatorFailed(DashtrayError):
    """The simulator did not start or does not answer."""


@dataclass(frozen=True)
class Simulator:
    """A running simulator: where it listens and what it said when it was ready."""

    url: str
    ready: dict[str, Any]

    @property
    def account_id(self) -> str:
        """The first simulated account."""
        return str(self.ready["accounts"][0]["account"])

    def environment(self) -> dict[str, str]:
        """Return the variables that point Dashtray at this simulator."""
        return {
            "STRIPE_API_BASE": self.url,
            "STRIPE_CONNECT_BASE": self.url,
            "STRIPE_MARKETPLACE_BASE": self.url,
            "STRIPE_CLIENT_ID": str(self.ready["client_id"]),
            "STRIPE_SECRET_KEY": str(self.ready["secret_key"]),
        }

    def truth(
        self,
        account_id: str,
        first: date,
        last: date,
        first_sync: datetime,
        history_start: datetime,
    ) -> dict[str, Any]:
        """Ask the simulator's ledger for the numbers of a range of days.

        Args:
            account_id: The account.
            first: First day.
            last: Last day.
            first_sync: When the account was first read, UTC; what an import can know of the
                time before depends on it.
            history_start: Where the payment history that was read begins, UTC.

        Returns:
            `{"YYYY-MM-DD": {currency: {metric: value}}}`; decimals are strings, unknown
            values None.
        """
        query = urllib.parse.urlencode(
            {
                "account": account_id,
                "from": first,
                "to": last,
                "first_sync": int(first_sync.timestamp()),
                "history_start": int(history_start.timestamp()),
            }
        )
        url = f"{self.url}/_simulator/truth?{query}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - loopback
            days: dict[str, Any] = json.load(answer)["days"]
        return days


@contextmanager
def running(
    preset: str, start: datetime, now: datetime, seed: int = 1, port: int = 0
) -> Iterator[Simulator]:
    """Run a simulator on a loopback port while the block lasts, and this process.

    Args:
        preset: The simulated world.
        start: Where its time begins, UTC.
        now: Its present, UTC; its clock stands still there.
        seed: The world is a function of preset, seed and start.
        port: Where it listens; 0 takes a free one.

    Raises:
        SimulatorFailed: It did not become ready.
    """
    with tempfile.TemporaryDirectory() as folder:
        ready_file = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "stripe_simulator", "--preset", preset]
        command += ["--seed", str(seed), "--start", _iso(start), "--now", _iso(now)]
        command += ["--port", str(port), "--ready-file", str(ready_file), "--exit-with-parent"]
        with (
            (Path(folder) / "log").open("w+") as log,
            # Nothing is ever written to its input: that it ends tells of this process's end.
            subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=log, stderr=log
            ) as process,
        ):
            try:
                ready = _wait_until_ready(process, ready_file, Path(folder) / "log")
                yield Simulator(url=str(ready["url"]).rstrip("/"), ready=ready)
            finally:
                process.terminate()


def _wait_until_ready(
    process: subprocess.Popen[bytes], ready_file: Path, log: Path
) -> dict[str, Any]:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if ready_file.exists():
            ready: dict[str, Any] = json.loads(ready_file.read_text())
            return ready
        if process.poll() is not None:
            last_line = (log.read_text().strip().splitlines() or ["no output"])[-1]
            raise SimulatorFailed(
                f"The simulator ended with exit code {process.returncode}: {last_line}"
            )
        time.sleep(_POLL_SECONDS)
    raise SimulatorFailed(f"The simulator was not ready after {_START_SECONDS} s.")


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
