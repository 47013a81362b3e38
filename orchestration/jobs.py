"""The one job, and how a run of it is asked for.

A schedule, a sensor, the command line and a person at the UI all run the same job; they
differ in the accounts, the kind and the days they ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from dagster import AssetSelection, define_asset_job, in_process_executor

from connections.models import DEFAULT_HISTORY_DAYS, RequestKind
from orchestration.account_events import ACCOUNT_SYNC
from orchestration.extract import EXTRACT_STEP
from orchestration.partitions import first_import_range, today

SYNC_JOB_NAME = "sync"

BULK_KINDS = {RequestKind.FIRST_IMPORT, RequestKind.REIMPORT, RequestKind.VERIFY}

#: A run that serves sync requests names their claim here; one that reads all of the history
#: window is told apart here, so that it leaves slots to the others (`dagster.yaml`).
CLAIM_TAG = "dashtray/claim"
BULK_TAG = "dashtray/bulk"

#: A run of changes only that takes longer hangs, and its tier waits for it: it is stopped. It is
#: long enough to build all models anew after an upgrade. Others have the time of `dagster.yaml`.
MAX_CHANGES_RUNTIME = timedelta(hours=3)
_MAX_RUNTIME_TAG = "dagster/max_runtime"

#: Dagster's names for "this run covers these partitions".
_RANGE_START_TAG = "dagster/asset_partition_range_start"
_RANGE_END_TAG = "dagster/asset_partition_range_end"

sync_job = define_asset_job(
    SYNC_JOB_NAME,
    selection=AssetSelection.all() - AssetSelection.assets(ACCOUNT_SYNC.key),
    description="Read Stripe, load, build the models, publish: for any number of accounts.",
    # One process per run: a process per step would start Python, dlt and dbt again and again.
    executor_def=in_process_executor,
)


def sync_run_config(
    account_ids: Sequence[str],
    kind: RequestKind,
    claim_id: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Return the job's run configuration.

    Args:
        account_ids: Accounts to sync; must not be empty, since "none" means "all" to the job.
        kind: Why, which also says how much is read.
        claim_id: The batch of requests that the run serves.
        **options: Further fields of `SyncConfig`.
    """
    if not account_ids:
        raise ValueError("A sync needs at least one account.")
    op_config = {
        "accounts": list(account_ids),
        "kind": kind.name,
        "claim_id": claim_id,
        **options,
    }
    return {"ops": {EXTRACT_STEP: {"config": op_config}}}


def sync_run_tags(
    kind: RequestKind, priority: int = 0, history_days: int | None = DEFAULT_HISTORY_DAYS
) -> dict[str, str]:
    """Return the tags that say which days a run covers and how urgent it is.

    A first import covers the days of its history and today, everything else today.

    Args:
        kind: Why the run is wanted.
        priority: The tier's; smaller is earlier, as in the table of tiers.
        history_days: Complete days that a first import reads; None means all there is.
    """
    first_import = kind is RequestKind.FIRST_IMPORT
    days = first_import_range(history_days) if first_import else today()
    return {
        _RANGE_START_TAG: days.start,
        _RANGE_END_TAG: days.end,
        # Dagster's queue starts larger numbers earlier.
        "dagster/priority": str(-priority),
        "dashtray/kind": kind.value,
        **(
            {BULK_TAG: "true"}
            if kind in BULK_KINDS
            else {_MAX_RUNTIME_TAG: f"{MAX_CHANGES_RUNTIME.total_seconds():.0f}"}
        ),
    }
