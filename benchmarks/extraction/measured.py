"""One sync, or one sequential read, in a process of its own, so that its peak memory is its own.

Run by the benchmark: `python -m benchmarks.extraction.measured JSON`; prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Wanted:
    """What to do.

    Attributes:
        reader: `dashtray` or `sequential`.
        url: Address of the API.
        accounts: Account id to key.
        home: Directory for the warehouse and the packages.
        run_id: Name of the run.
        history_days: Days of payment history of a first import.
        now: Unix seconds by the simulator's clock.
        live: Read at the pace of a live account: the simulator's objects say that they are a
            sandbox's, whatever limits it was started with.
    """

    reader: str
    url: str
    accounts: dict[str, str]
    home: str
    run_id: str
    history_days: int
    now: int
    live: bool


def measure(wanted: Wanted) -> dict[str, Any]:
    """Read and load; seconds of each phase, objects, requests, and what the process took."""
    from datetime import UTC, datetime

    from dlt_sources.stripe import (
        AccountTask,
        client,
        extract_accounts,
        load_extraction,
        read_cursors,
    )

    if wanted.live:
        client.SANDBOX = client.LIVE  # type: ignore[attr-defined]
    home = Path(wanted.home)
    warehouse = home / "warehouse.duckdb"
    now = datetime.fromtimestamp(wanted.now, UTC)
    if wanted.reader == "sequential":
        from benchmarks.extraction.sequential import extract_sequentially as extract
    else:
        extract = extract_accounts
    cursors = read_cursors(warehouse, wanted.accounts, now=now)
    tasks = [
        AccountTask(
            account,
            lambda key=key: {"Authorization": f"Bearer {key}"},  # type: ignore[misc]
            wanted.url,
            cursor=cursors.get(account),
            history_days=wanted.history_days,
        )
        for account, key in wanted.accounts.items()
    ]
    began = time.monotonic()
    extraction = extract(tasks, work_dir=home / "runs", run_id=wanted.run_id)
    loading = time.monotonic()
    load_extraction(extraction, warehouse=warehouse)
    ended = time.monotonic()
    failed = [each.error for each in extraction.outcomes.values() if each.status != "ok"]
    if failed:
        raise SystemExit(f"{len(failed)} accounts failed, the first: {failed[0]}")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "objects": sum(sum(each.rows.values()) for each in extraction.outcomes.values()),
        "rows": dict(next(iter(extraction.outcomes.values())).rows),
        "requests": sum(each.requests for each in extraction.outcomes.values()),
        "network": extraction.network_seconds,
        "package": extraction.package_seconds,
        "load": ended - loading,
        "total": ended - began,
        "cpu": usage.ru_utime + usage.ru_stime,
        "rss": rss(),
    }


def rss() -> int:
    """Return the peak of this process's resident memory so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    print(json.dumps(measure(Wanted(**json.loads(sys.argv[1])))))
