"""A process that forks children which sync, and that die as of `kill -9`, at a chosen moment.

Run by `KillServer`: what costs a second, importing, is done once, before the first fork. Orders
come as JSON, a line each; so do the answers. A moment is either a number of events (calls,
returns, calls into C, of all threads; repeatable) or seconds, after which this process kills the
child wherever it is, in C as well. Without a moment the child lives, and says how many events it
had.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    # Imported before the count begins: being killed while importing tells nothing.
    import dlt.destinations.impl.duckdb.duck  # noqa: F401

from dlt_sources.stripe import AccountTask, extract_accounts, load_extraction, read_cursors
from dlt_sources.stripe.client import Retries
from dlt_sources.stripe.lake import Lake
from dlt_sources.stripe.warehouse import Warehouse
from orchestration.lake_upkeep import tidy_lake

ROOT = Path(__file__).resolve().parents[2]

EVENTS_OF_A_LOAD = 1_000_000
"""About as many as a small load has, to draw a moment from."""


class KillServer:
    """The process that forks, seen from the test."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, what: str, **options: Any) -> dict[str, Any]:
        """Let a child do `what` (extract, load, sync, or tidy a lake).

        Returns:
            `killed`, `seconds`, and `events` if they were counted.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"what": what, **options}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert answer["killed"] or answer["status"] == 0, "the child failed, see standard error"
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def work(what: str, options: dict[str, Any]) -> None:
    """Do what a child is for."""
    warehouse: Warehouse = Path(options.get("warehouse", "unused"))
    if "lake" in options:
        warehouse = Lake(**options["lake"])
    if what == "tidy":
        tidy_lake(Lake(**options["lake"]), datetime.now(UTC), kept=timedelta(minutes=1))
        return
    work_dir = Path(options["work_dir"])
    if what != "load":
        account, headers = options["account"], {"Authorization": f"Bearer {options['key']}"}
        cursors = {}
        if "now" in options:
            now = datetime.fromtimestamp(options["now"], UTC)
            cursors = read_cursors(warehouse, [account], now=now)
        task = AccountTask(account, lambda: headers, options["url"], cursors.get(account))
        extract_accounts(
            [task],
            work_dir=work_dir,
            run_id=options.get("run_id", "killed"),
            retries=Retries(attempts=8, rate_attempts=8, base=0.01, cap=0.02),
        )
    if what != "extract":
        load_extraction(work_dir, warehouse=warehouse)


def child(what: str, options: dict[str, Any], answers: int) -> None:
    """Work, count, and die or say how many events there were."""
    events = itertools.count(1)
    last = options.get("die_at")

    def count(frame: Any, event: str, argument: Any) -> None:
        if next(events) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    if "kill_after" not in options:
        threading.setprofile(count)
        sys.setprofile(count)
    work(what, options)
    sys.setprofile(None)
    os.write(answers, str(next(events) - 1).encode())


def fork(order: dict[str, Any]) -> dict[str, Any]:
    """Let a child do one order; returns what became of it."""
    what = order.pop("what")
    began = time.monotonic()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            # What the child says must not be taken for an answer of its parent.
            os.dup2(2, 1)
            child(what, order, writing)
            status = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(status)
    os.close(writing)
    killer = None
    if "kill_after" in order:
        killer = threading.Timer(order["kill_after"], os.kill, (pid, signal.SIGKILL))
        killer.start()
    # Its end is seen, and its number not given away, before the timer is stopped.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    if killer is not None:
        killer.cancel()
        killer.join()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with os.fdopen(reading) as answers:
        events = answers.read()
    return {
        "status": status,
        "killed": status == -signal.SIGKILL,
        "seconds": time.monotonic() - began,
        "events": int(events) if events else None,
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(fork(json.loads(line))), flush=True)
