"""Sensors: sync requests become runs, runs that ended badly give their accounts back, and health.

What is wrong is found in `health`; what a run does is in the assets.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    RunStatusSensorContext,
    RunStatusSensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    run_status_sensor,
    sensor,
)
from dagster._core.storage.dagster_run import FINISHED_STATUSES

from connections.alerts import review
from connections.notifier import AlertUrlError, make_notifier
from connections.requests import Claim, claim_requests, release_claim, request_waits
from connections.settings import Settings
from connections.sync_reports import unfinished_syncs
from connections.syncs import free_runs
from orchestration.account_checks import CHECKS, evaluation
from orchestration.health import TOPICS, Watch
from orchestration.jobs import CLAIM_TAG, sync_job, sync_run_config, sync_run_tags
from orchestration.resources import Accounts

#: Dagster's daemon asks sensors every five seconds at best. So one evaluation stays and looks
#: for almost two such rounds: a request is found within the pause of its loop, not of Dagster's.
#: The rest of the second round is for the evaluation's own coming and going.
LISTEN_SECONDS = 9.0
PAUSE_SECONDS = 0.5

UNNOTICED_AFTER = timedelta(minutes=2)


@sensor(
    job=sync_job,
    minimum_interval_seconds=1,
    default_status=DefaultSensorStatus.RUNNING,
    description="Starts a run for the sync requests that wait in the queue.",
)
def sync_requests(
    context: SensorEvaluationContext, accounts: Accounts
) -> Iterator[RunRequest | SkipReason]:
    """Hand out what is queued. A claim that no run began yet is handed out again."""
    with accounts.engine() as engine:
        until = time.monotonic() + LISTEN_SECONDS
        claims = _new_claims(context, claim_requests(engine))
        while not claims and time.monotonic() < until:
            time.sleep(PAUSE_SECONDS)
            if request_waits(engine):
                claims = _new_claims(context, claim_requests(engine))
    if not claims:
        yield SkipReason("No sync request waits.")
    for claim in claims:
        yield RunRequest(
            # Stable until a run begins the claim, so a crash in between starts one run only.
            run_key=claim.claim_id,
            run_config=sync_run_config(claim.account_ids, claim.kind, claim.claim_id),
            tags={
                **sync_run_tags(claim.kind, claim.priority, claim.history_days),
                CLAIM_TAG: claim.claim_id,
            },
        )


@sensor(
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description=(
        "Looks every minute for what is wrong: writes the checks of account_sync, sends alerts, "
        "and gives the accounts of runs that ended unnoticed back."
    ),
)
def health(context: SensorEvaluationContext, accounts: Accounts) -> SensorResult:
    """Say what is wrong now, wherever somebody listens."""
    settings = accounts.settings()
    with accounts.engine() as engine:
        watch = Watch(engine, context.instance, settings, datetime.now(UTC))
        _give_back_unnoticed(watch)
        found = {check.name: check.look(watch) for check in CHECKS}
        for line in tell(watch):
            context.log.warning(line)
    said = json.loads(context.cursor or "{}")
    cursor = {
        name: [sorted(problems), f"{watch.now:%Y-%m-%dT%H}"] for name, problems in found.items()
    }
    return SensorResult(
        asset_events=[
            evaluation(check, found[check.name])
            for check in CHECKS
            if said.get(check.name) != cursor[check.name]
        ],
        cursor=json.dumps(cursor),
    )


def tell(watch: Watch) -> list[str]:
    """Review every topic of alerts; return what went wrong while telling."""
    notifier = None
    complaints = []
    if watch.settings.alert_url is not None:
        try:
            notifier = make_notifier(watch.settings.alert_url)
        except AlertUrlError as error:
            complaints.append(str(error))
    for topic, look in TOPICS.items():
        result = review(watch.engine, notifier, topic, look(watch), now=watch.now)
        if result.failed:
            complaints.append(f"The alert about {topic} could not be delivered; it is tried again.")
    return complaints


def give_back(run_id: str, error: str, claim_id: str | None = None) -> None:
    """Free the accounts of a run that ended without saying what became of them.

    Args:
        run_id: The run, which is over.
        error: Why, one line for people.
        claim_id: The batch of requests it should have served; what it did not begin waits again.
    """
    from connections.postgres import open_database

    with open_database(Settings.from_environment()) as engine:
        free_runs(engine, [run_id], error=error)
        if claim_id is not None:
            release_claim(engine, claim_id)


def build_ended_run_sensors() -> list[RunStatusSensorDefinition]:
    """Return one sensor for each way in which a run can end badly."""
    return [_sensor_of(status) for status in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)]


def _sensor_of(status: DagsterRunStatus) -> RunStatusSensorDefinition:
    # Of every job: a backfill begun at an asset runs in a job of Dagster's own.
    @run_status_sensor(
        run_status=status,
        name=f"accounts_of_{status.value.lower()}_runs",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=5,
        description="Gives the accounts of runs that ended badly back to the next tick.",
    )
    def free_accounts(context: RunStatusSensorContext) -> None:
        run = context.dagster_run
        error = f"The run {run.run_id} ended as {status.value}; see it in the Dagster UI."
        give_back(run.run_id, error, run.tags.get(CLAIM_TAG))

    return free_accounts


def _new_claims(context: SensorEvaluationContext, claims: list[Claim]) -> list[Claim]:
    """Leave out the claims that have a run, which has not begun its work yet."""
    return [
        claim
        for claim in claims
        if not context.instance.get_runs(RunsFilter(tags={CLAIM_TAG: claim.claim_id}), limit=1)
    ]


def _give_back_unnoticed(watch: Watch) -> None:
    """Free what runs hold that Dagster knows to be over.

    The sensors above do it within seconds; this finds what they missed, since an event can be
    lost (a database restored, a daemon's cursor moved) but a run's state is there.
    """
    run_ids = {sync.run_id for sync in unfinished_syncs(watch.engine)}
    if not run_ids:
        return
    over = [
        record.dagster_run.run_id
        for record in watch.instance.get_run_records(
            RunsFilter(run_ids=list(run_ids), statuses=FINISHED_STATUSES)
        )
        # A run that has just ended may be about to say so itself.
        if watch.now - record.update_timestamp > UNNOTICED_AFTER
    ]
    free_runs(watch.engine, over, error="Its run is over and did not say what became of it.")
