"""One schedule per tier that has a cadence: a tick is one run over the accounts due.

Of ticks that were missed while the service was down, Dagster evaluates the last one only.
"""

from collections.abc import Sequence
from datetime import UTC, timedelta

from dagster import (
    DagsterInstance,
    DagsterRun,
    DefaultScheduleStatus,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import RUN_KEY_TAG

from connections.due import due_accounts
from connections.models import RequestKind
from connections.tiers import Tier, scheduled_tiers
from orchestration.jobs import sync_job, sync_run_config, sync_run_tags
from orchestration.resources import Accounts

#: The run of a tick carries its tier in this tag.
TIER_TAG = "dashtray/tier"


def cron_of(cadence: timedelta) -> str:
    """Write a cadence as a cron expression.

    Args:
        cadence: A whole number of minutes that divides the hour, or of hours that divides
            the day.

    Raises:
        ValueError: Cron cannot say it.
    """
    minutes, rest = divmod(cadence, timedelta(minutes=1))
    if not rest and 0 < minutes < 60 and 60 % minutes == 0:
        return f"*/{minutes} * * * *"
    hours, rest = divmod(cadence, timedelta(hours=1))
    if not rest and 0 < hours < 24 and 24 % hours == 0:
        return f"0 */{hours} * * *"
    raise ValueError(f"A cadence of {cadence} cannot be written as a cron expression.")


def build_schedules() -> Sequence[ScheduleDefinition]:
    """Return a schedule for each entry of the table of tiers that has a cadence."""
    return [_schedule_of(tier) for tier in scheduled_tiers()]


def _schedule_of(tier: Tier) -> ScheduleDefinition:
    assert tier.cadence is not None  # noqa: S101 - `scheduled_tiers` returns no other

    @schedule(
        name=f"{tier.name}_tier",
        cron_schedule=cron_of(tier.cadence),
        job=sync_job,
        default_status=DefaultScheduleStatus.RUNNING,
        execution_timezone="UTC",
        description=f"Syncs the accounts of the {tier.name} tier, every {tier.cadence}.",
    )
    def tick(context: ScheduleEvaluationContext, accounts: Accounts) -> RunRequest | SkipReason:
        # By the tick's own time: one that comes late counts for the slot it was meant for.
        slot = context.scheduled_execution_time
        run_key = f"{tier.name}-{slot.astimezone(UTC):%Y%m%dT%H%M}"
        if former := _unfinished_tick(context.instance, tier.name, but=run_key):
            return SkipReason(
                f"The former tick of the {tier.name} tier still goes on: run {former.run_id}, "
                f"{former.status.value}. What it leaves undone is due at the next tick."
            )
        with accounts.engine() as engine:
            due = due_accounts(engine, tier.name, now=slot)
        if not due:
            return SkipReason(f"No account of the {tier.name} tier is due.")
        return RunRequest(
            run_key=run_key,
            run_config=sync_run_config([account.account_id for account in due], RequestKind.TICK),
            tags={**sync_run_tags(RequestKind.TICK, tier.priority), TIER_TAG: tier.name},
        )

    return tick


def _unfinished_tick(instance: DagsterInstance, tier: str, *, but: str) -> DagsterRun | None:
    """The tier's run that still goes on, if there is one.

    Args:
        instance: Dagster's.
        tier: The tier's name.
        but: The run key of the tick that asks. If the daemon died between creating its run and
            starting it, the tick is evaluated again, and Dagster starts the run that is there; to
            take it for a former one would leave it waiting.
    """
    runs = instance.get_runs(RunsFilter(tags={TIER_TAG: tier}, statuses=NOT_FINISHED_STATUSES))
    return next((run for run in runs if run.tags.get(RUN_KEY_TAG) != but), None)
