"""The network phase: read accounts side by side and leave a dlt load package behind.

Nothing in this module or below it opens the warehouse, so a long import never holds its lock.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dlt_sources.stripe.client import DEFAULT_RETRIES, Retries
from dlt_sources.stripe.journal import remove_abandoned
from dlt_sources.stripe.landing import CHECKPOINT_SECONDS
from dlt_sources.stripe.models import AccountOutcome, AccountTask, Extraction, Progress
from dlt_sources.stripe.pipeline import open_pipeline
from dlt_sources.stripe.runs import UNFINISHED, RunDirectory
from dlt_sources.stripe.source import Reading, stripe_source
from dlt_sources.stripe.streams import SYNCS_TABLE
from dlt_sources.stripe.warehouse import destination

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def _check(tasks: Sequence[AccountTask], run_id: str) -> None:
    ids = [task.account_id for task in tasks]
    twice = sorted({account for account in ids if ids.count(account) > 1})
    if twice:
        raise ValueError(f"accounts named twice in one run: {', '.join(twice)}")
    if not _RUN_ID.fullmatch(run_id):
        raise ValueError(f"run_id {run_id!r} is not usable as a directory name")


def _rows_per_table(outcomes: Iterable[AccountOutcome]) -> dict[str, int]:
    done = [outcome for outcome in outcomes if outcome.status == "ok"]
    rows = Counter({SYNCS_TABLE: len(done)})
    for outcome in done:
        rows.update(outcome.rows)
    return dict(rows)


def extract_accounts(
    tasks: Sequence[AccountTask],
    *,
    work_dir: Path,
    run_id: str,
    on_progress: Callable[[Progress], None] | None = None,
    retries: Retries = DEFAULT_RETRIES,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Extraction:
    """Read every account of `tasks` and write one dlt package with the rows of those that worked.

    A failing account never fails the others: its outcome says `failed` or `revoked`, and none of
    its rows are in the package. What it has read of its lists, or what a killed run has, stays in
    `work_dir` for three days; the next extraction of the same task goes on from there, with the
    first try's T0.

    Args:
        tasks: Accounts to read; each id at most once.
        work_dir: Directory for all runs; this run gets its own directory below it.
        run_id: Names the run; a retry of a run that failed may use it again. Must be usable as a
            directory name.
        on_progress: Called by one thread at a time, often; keep it cheap.
        retries: How long a request is tried before its account fails.
        checkpoint_seconds: How much reading a kill may cost.

    Returns:
        The extraction, to be passed to `load_extraction`.

    Raises:
        ValueError: If an account is named twice, or `run_id` is unusable or its package waits
            to be loaded.
        RunBusy: If a live process works on `run_id`.
    """
    _check(tasks, run_id)
    with RunDirectory.create(work_dir, run_id) as run:
        began = time.monotonic()
        unfinished = work_dir / UNFINISHED
        remove_abandoned(unfinished, time.time())
        reading = Reading(
            tasks,
            directory=unfinished,
            run_id=run_id,
            on_progress=on_progress,
            retries=retries,
            checkpoint_seconds=checkpoint_seconds,
        )
        outcomes = reading.outcomes
        network = time.monotonic() - began
        if any(outcome.status == "ok" for outcome in outcomes.values()):
            pipeline = open_pipeline(run.pipelines, destination())
            pipeline.extract(
                stripe_source(tasks, unfinished, reading=reading), loader_file_format="parquet"
            )
            pipeline.normalize()
        run.mark_complete(_rows_per_table(outcomes.values()))
        reading.discard()
    return Extraction(
        run_id=run_id,
        run_dir=run.path,
        outcomes=outcomes,
        network_seconds=network,
        package_seconds=time.monotonic() - began - network,
    )
