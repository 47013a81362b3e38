"""The sensor that turns sync requests (manual, first import, webhook) into runs."""

from collections.abc import Iterator

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from connections.requests import claim_requests
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
