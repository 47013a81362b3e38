"""Sensors: sync requests become runs, and runs that ended badly give their accounts back."""

from collections.abc import Iterator

from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunStatusSensorContext,
    RunStatusSensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    run_status_sensor,
    sensor,
)

from connections.requests import claim_requests
from connections.settings import Settings
from connections.syncs import free_runs
from orchestration.jobs import sync_job, sync_run_config, sync_run_tags
from orchestration.resources import Accounts


@sensor(
    job=sync_job,
    minimum_interval_seconds=3,
    default_status=DefaultSensorStatus.RUNNING,
    description="Starts a run for the sync requests that wait in the queue.",
)
def sync_requests(
    context: SensorEvaluationContext, accounts: Accounts
) -> Iterator[RunRequest | SkipReason]:
    """Hand out what is queued. A claim that no run began yet is handed out again."""
    with accounts.engine() as engine:
        claims = claim_requests(engine)
    if not claims:
        yield SkipReason("No sync request waits.")
    for claim in claims:
        yield RunRequest(
            # Stable until a run begins the claim, so a crash in between starts one run only.
            run_key=claim.claim_id,
            run_config=sync_run_config(claim.account_ids, claim.kind, claim.claim_id),
            tags=sync_run_tags(claim.kind, claim.priority),
        )


def give_back(run_id: str, error: str) -> None:
    """Free the accounts of a run that ended without saying what became of them.

    Args:
        run_id: The run, which is over.
        error: Why, one line for people.
    """
    from connections.postgres import open_database

    with open_database(Settings.from_environment()) as engine:
        free_runs(engine, [run_id], error=error)


def build_ended_run_sensors() -> list[RunStatusSensorDefinition]:
    """Return one sensor for each way in which a run can end badly."""
    return [_sensor_of(status) for status in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)]


def _sensor_of(status: DagsterRunStatus) -> RunStatusSensorDefinition:
    @run_status_sensor(
        run_status=status,
        name=f"accounts_of_{status.value.lower()}_runs",
        monitored_jobs=[sync_job],
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=10,
        description="Gives the accounts of runs that ended badly back to the next tick.",
    )
    def free_accounts(context: RunStatusSensorContext) -> None:
        run_id = context.dagster_run.run_id
        give_back(run_id, f"The run {run_id} ended as {status.value}; see it in the Dagster UI.")

    return free_accounts
