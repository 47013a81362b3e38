"""The way most extractors read: one list after the other, one page after the other.

The same lists, the same landing, the same load as the project's own reader, so that what differs is
the order of the requests alone. Nested lists are not completed and references not followed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dlt_sources.stripe import AccountOutcome, AccountTask, Extraction
from dlt_sources.stripe.account import AccountResult
from dlt_sources.stripe.client import Client
from dlt_sources.stripe.first_import import history_start, import_parts
from dlt_sources.stripe.journal import Journal, Part
from dlt_sources.stripe.landing import AccountLanding, MemoryBudget
from dlt_sources.stripe.pipeline import open_pipeline
from dlt_sources.stripe.reader import list_params, members_of
from dlt_sources.stripe.rows import sync_row, utc
from dlt_sources.stripe.runs import RunDirectory
from dlt_sources.stripe.source import MEMORY, Reading, stripe_source
from dlt_sources.stripe.streams import BY_NAME
from dlt_sources.stripe.transport import Pools
from dlt_sources.stripe.warehouse import destination
from dlt_sources.stripe.windows import Window


class SequentialReading(Reading):
    """Reads accounts one after the other."""

    def _read(self) -> list[AccountResult]:
        pools = Pools(1)
        try:
            return [self._read_account(task, pools) for task in self._tasks]
        finally:
            pools.close()

    def _read_account(self, task: AccountTask, pools: Pools) -> AccountResult:
        client = Client(
            pools.pool_for(task.api_base), api_base=task.api_base, authorise=task.authorise
        )
        journal = Journal(self._directory / task.account_id)
        landing = AccountLanding(task.account_id, journal, budget=MemoryBudget(MEMORY))
        now = client.get("/v1/account").date
        start = history_start(now, task.history_days)
        for part in import_parts(now=now, start=start):
            self._page_through(client, landing, part)
        outcome = AccountOutcome(
            task.account_id,
            "ok",
            "first_import",
            rows=dict(landing.counts),
            requests=client.requests,
        )
        row: dict[str, Any] = {
            "account_id": task.account_id,
            "sync_id": self._run_id,
            "mode": "first_import",
            "started_at": utc(now).replace(tzinfo=None),
            "events_cursor": now,
            "history_start": utc(start).replace(tzinfo=None),
            "requests": client.requests,
            "objects": sum(landing.counts.values()),
            "read_order": time.time_ns(),
        }
        return AccountResult(outcome, landing, sync_row(row))

    @staticmethod
    def _page_through(client: Client, landing: AccountLanding, part: Part) -> None:
        while True:
            path = BY_NAME[part.stream].path
            reply = client.get(path, list_params(part), endpoint=path)
            members, has_more = members_of(reply)
            landing.add(part.stream, members, reply.date, reply.read_order)
            if not has_more:
                return
            window = Window(part.window.gte, part.window.lt, members[-1]["id"])
            part = replace(part, window=window)


def extract_sequentially(
    tasks: Sequence[AccountTask], *, work_dir: Path, run_id: str
) -> Extraction:
    """Read accounts with one request in flight, and leave the same package."""
    with RunDirectory.create(work_dir, run_id) as run:
        began = time.monotonic()
        rows = work_dir / ".sequential"
        reading = SequentialReading(tasks, directory=rows, run_id=run_id)
        outcomes = reading.outcomes
        network = time.monotonic() - began
        pipeline = open_pipeline(run.pipelines, destination())
        pipeline.extract(stripe_source(tasks, rows, reading=reading), loader_file_format="parquet")
        pipeline.normalize()
        run.mark_complete({})
        reading.discard()
    return Extraction(run_id, run.path, outcomes, network, time.monotonic() - began - network)
