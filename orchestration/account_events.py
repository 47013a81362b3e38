"""The asset `account_sync`: one partition per account, so that the UI shows how each one is.

An event costs time and room, and a tick of thousands of accounts would write thousands. So an
account gets one when there is something to see (`worth_showing`), and all of a run's are written
as one batch. Every sync of every account is in `connections.sync_runs`; nothing depends on these
events.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    AssetObservation,
    AssetSpec,
    MetadataValue,
)
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata
from sqlalchemy.engine import Engine

from connections.due import next_attempt
from connections.models import Account, SyncOutcome, SyncRun
from connections.reads import Reads, reads_of
from connections.sync_reports import accounts_by_id, syncs_of_run
from connections.syncs import mark_shown
from orchestration.partitions import ACCOUNTS

ACCOUNT_SYNC = AssetSpec(
    key="account_sync",
    partitions_def=ACCOUNTS,
    group_name="health",
    kinds={"stripe"},
    description=(
        "One partition per connected account. A materialisation is a sync whose numbers were "
        "published, an observation one that failed. An account that changes often is shown once "
        "an hour, one that does not change once a day; the checks count every sync."
    ),
)

SHOW_CHANGED_EVERY = timedelta(hours=1)
SHOW_UNCHANGED_EVERY = timedelta(days=1)


def worth_showing(account: Account, sync: SyncRun, now: datetime) -> bool:
    """Whether an event about this sync tells what the last one did not.

    Args:
        account: As it is after the sync.
        sync: The sync.
        now: The present.
    """
    if account.shown_at is None or sync.outcome is not SyncOutcome.OK:
        return True
    every = SHOW_CHANGED_EVERY if sync.rows else SHOW_UNCHANGED_EVERY
    return now - account.shown_at >= every


def show_accounts(context: AssetExecutionContext, engine: Engine, fresh: Sequence[SyncRun]) -> None:
    """Write what is worth seeing about the accounts of a run into the run's events.

    Args:
        context: Of the step that published.
        engine: The database.
        fresh: The syncs whose numbers can be seen from now on.
    """
    now = datetime.now(UTC)
    failed = [
        sync
        for sync in syncs_of_run(engine, context.run_id)
        if sync.outcome not in {None, SyncOutcome.OK}
    ]
    syncs = {sync.account_id: sync for sync in [*failed, *fresh]}
    accounts = accounts_by_id(engine, list(syncs))
    chosen = [
        sync
        for account_id, sync in sorted(syncs.items())
        if worth_showing(accounts[account_id], sync, now)
    ]
    if not chosen:
        return
    context.instance.add_dynamic_partitions(
        ACCOUNTS.name or "", [sync.account_id for sync in chosen]
    )
    reads = reads_of(engine, [sync.account_id for sync in chosen])
    good = [sync for sync in chosen if sync.outcome is SyncOutcome.OK]
    bad = [sync for sync in chosen if sync.outcome is not SyncOutcome.OK]
    step = context.get_step_execution_context()
    for number, sync in enumerate(good, 1):
        # `context.log_event` would store each by itself, at forty times the cost.
        DagsterEvent.asset_materialization(
            step,
            AssetMaterialization(
                ACCOUNT_SYNC.key,
                partition=sync.account_id,
                metadata=_metadata(accounts[sync.account_id], sync, reads[sync.account_id]),
            ),
            DagsterEventBatchMetadata(f"{context.run_id}-ok", number == len(good)),
        )
    for number, sync in enumerate(bad, 1):
        DagsterEvent.asset_observation(
            step,
            AssetObservation(
                ACCOUNT_SYNC.key,
                partition=sync.account_id,
                metadata=_metadata(accounts[sync.account_id], sync, reads[sync.account_id]),
            ),
            DagsterEventBatchMetadata(f"{context.run_id}-failed", number == len(bad)),
        )
    mark_shown(engine, [sync.account_id for sync in good], at=now)
    # So that the recovery is shown as soon as it happens.
    mark_shown(engine, [sync.account_id for sync in bad], at=None)


def _metadata(account: Account, sync: SyncRun, reads: Reads) -> dict[str, MetadataValue[Any]]:
    values: dict[str, MetadataValue[Any]] = {
        "tier": MetadataValue.text(account.tier),
        "kind": MetadataValue.text(str(sync.kind)),
        "rows": MetadataValue.int(sync.rows or 0),
        "requests": MetadataValue.int(sync.requests or 0),
        "reads_this_month": MetadataValue.int(reads.in_month),
        "reads_30_days": MetadataValue.int(reads.in_30_days),
        "reads_allowed": MetadataValue.int(reads.allocation),
        "syncs_without_count": MetadataValue.int(reads.unknown),
        "seconds": MetadataValue.float(_seconds(sync)),
        "began": MetadataValue.timestamp(sync.started_at),
        "outcome": MetadataValue.text(str(sync.outcome)),
    }
    if account.last_success_at:
        values["last_success"] = MetadataValue.timestamp(account.last_success_at)
    if sync.error:
        values["error"] = MetadataValue.text(sync.error)
    if account.consecutive_failures:
        values["failures_in_a_row"] = MetadataValue.int(account.consecutive_failures)
        if due := next_attempt(account):
            values["next_attempt"] = MetadataValue.timestamp(due)
    return values


def _seconds(sync: SyncRun) -> float:
    ended = sync.published_at or sync.finished_at or sync.started_at
    return round((ended - sync.started_at).total_seconds(), 1)
