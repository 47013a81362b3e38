"""The dlt source: one resource per stream, declared from `STREAMS`, yielding Arrow tables.

Reading is started by the first resource that dlt asks for rows, once for all resources, because
the streams of an account share its request limits and its T0.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.extract import DltResource

from dlt_sources.stripe.account import AccountResult, Shared, sync_account
from dlt_sources.stripe.client import DEFAULT_RETRIES, Retries
from dlt_sources.stripe.landing import CHECKPOINT_SECONDS, ROWS_PER_TABLE, MemoryBudget
from dlt_sources.stripe.memory import return_large_blocks, short_collections
from dlt_sources.stripe.models import AccountOutcome, AccountTask, Progress
from dlt_sources.stripe.rows import OBJECT_SCHEMA, SYNC_SCHEMA
from dlt_sources.stripe.streams import STREAMS, SYNCS_TABLE
from dlt_sources.stripe.transport import Pools

REQUEST_THREADS = 192
"""Requests in flight or waiting for their turn, in all; an account alone uses at most its own
concurrency. Most of these threads sleep: with 64, a batch of many accounts with a few changes
each was read three times as slowly."""

ACCOUNTS_AT_ONCE = 64
"""Accounts read side by side; most of them only wait for one answer."""

MEMORY = 128 * 1024 * 1024
"""Bytes of rows that wait in memory, over all accounts of a run."""

BYTES_PER_TABLE = 16 * 1024 * 1024
"""Bytes of one Arrow table that is joined from others, about: an invoice can have 200 kB."""

OBJECT_COLUMNS: TTableSchemaColumns = {
    "created": {"data_type": "timestamp", "timezone": False},
    "read_at": {"data_type": "timestamp", "timezone": False},
    "object": {"data_type": "json"},
}

SYNC_COLUMNS: TTableSchemaColumns = {
    "started_at": {"data_type": "timestamp", "timezone": False},
    "history_start": {"data_type": "timestamp", "timezone": False},
}


class Reading:
    """The accounts of one run being read, and the rows of those that were read completely."""

    def __init__(
        self,
        tasks: Sequence[AccountTask],
        *,
        directory: Path,
        run_id: str,
        on_progress: Callable[[Progress], None] | None = None,
        retries: Retries = DEFAULT_RETRIES,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self._checkpoint_seconds = checkpoint_seconds
        self._tasks = tasks
        self._retries = retries
        self._directory = directory
        self._run_id = run_id
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._results: list[AccountResult] | None = None

    def results(self) -> list[AccountResult]:
        """Read all accounts, at the first call; then return what became of them."""
        with self._lock:
            if self._results is None:
                self._results = self._read()
            return self._results

    @property
    def outcomes(self) -> dict[str, AccountOutcome]:
        """Outcomes by account id."""
        return {result.outcome.account_id: result.outcome for result in self.results()}

    def tables(self, stream: str) -> Iterator[pa.Table]:
        """Yield the rows of one table over all accounts that were read completely."""
        complete = [result for result in self.results() if result.landing is not None]
        if stream == SYNCS_TABLE:
            return join_small(
                (result.sync for result in complete if result.sync is not None), SYNC_SCHEMA
            )
        return join_small(
            (
                table
                for result in complete
                if result.landing is not None
                for table in result.landing.tables(stream)
            ),
            OBJECT_SCHEMA,
        )

    def discard(self) -> None:
        """Remove the rows of accounts that were read completely: they are in a package now."""
        for result in self.results():
            if result.landing is not None:
                result.landing.discard()

    def _read(self) -> list[AccountResult]:
        if not self._tasks:
            return []
        return_large_blocks()
        accounts = min(ACCOUNTS_AT_ONCE, len(self._tasks))
        pools = Pools(REQUEST_THREADS)
        try:
            with (
                short_collections(),
                ThreadPoolExecutor(REQUEST_THREADS, "stripe-request") as requests,
                ThreadPoolExecutor(accounts, "stripe-account") as coordinators,
            ):
                shared = Shared(
                    run_id=self._run_id,
                    directory=self._directory,
                    pools=pools,
                    executor=requests,
                    budget=MemoryBudget(MEMORY),
                    report=one_at_a_time(self._on_progress),
                    retries=self._retries,
                    checkpoint_seconds=self._checkpoint_seconds,
                )
                # First imports may be long; what is known already has only its changes to read.
                ordered = sorted(self._tasks, key=lambda task: task.cursor is None)
                return list(coordinators.map(lambda task: sync_account(task, shared), ordered))
        finally:
            pools.close()


def one_at_a_time(report: Callable[[Progress], None] | None) -> Callable[[Progress], None]:
    """Return `report` guarded by a lock: it is called from many threads."""
    if report is None:
        return lambda progress: None
    lock = threading.Lock()

    def guarded(progress: Progress) -> None:
        with lock:
            report(progress)

    return guarded


def join_small(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the same rows in larger tables: each costs dlt a schema check.

    They have about `ROWS_PER_TABLE` rows, or `BYTES_PER_TABLE` where that is reached before.
    An empty stream yields one empty table, so that its table exists in the warehouse.
    """
    waiting: list[pa.Table] = []
    rows = size = 0
    nothing = True
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        size += table.nbytes
        if rows >= ROWS_PER_TABLE or size >= BYTES_PER_TABLE:
            yield pa.concat_tables(waiting)
            waiting, rows, size, nothing = [], 0, 0, False
    if rows or nothing:
        yield pa.concat_tables(waiting) if rows else schema.empty_table()


def _resource(name: str, reading: Reading, columns: TTableSchemaColumns) -> DltResource:
    def rows() -> Iterator[pa.Table]:
        yield from reading.tables(name)

    return dlt.resource(
        rows, name=name, table_name=name, write_disposition="append", columns=columns
    )


@dlt.source(name="stripe", max_table_nesting=0)
def stripe_source(
    tasks: Sequence[AccountTask],
    work_dir: Path,
    run_id: str = "run",
    on_progress: Callable[[Progress], None] | None = None,
    reading: Reading | None = None,
) -> Iterable[DltResource]:
    """Stripe as a dlt source: `pipeline.run(stripe_source([AccountTask(…)], work_dir=…))`.

    Needs `normalize.parquet_normalizer.add_dlt_load_id = true`, as `pipeline.configure` sets it,
    to let the dbt models tell loads apart.

    Args:
        tasks: Accounts to read; those that fail are left out (see `Reading.outcomes`).
        work_dir: Where rows wait until their account is complete.
        run_id: Recorded in `syncs.sync_id`.
        on_progress: Called often, by one thread at a time.
        reading: Use this reading, which the caller keeps for its outcomes.

    Returns:
        One resource per stream, and `syncs`.
    """
    reading = reading or Reading(tasks, directory=work_dir, run_id=run_id, on_progress=on_progress)
    for stream in STREAMS:
        yield _resource(stream.name, reading, OBJECT_COLUMNS)
    yield _resource(SYNCS_TABLE, reading, SYNC_COLUMNS)
