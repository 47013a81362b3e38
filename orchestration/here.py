"""Running a job in the calling process, for people without a running service.

The command line finds `run_sync` and `run_verify` as the entry points `sync` and `verify` of the
group `dashtray.jobs`, so that it depends on the job's name and not on this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connections.accounts import get_account
from connections.history import most_days
from connections.models import RequestKind
from connections.postgres import open_database
from connections.settings import Settings

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo


@dataclass(frozen=True)
class RunOutcome:
    """How a run in this process ended; the same run is in the Dagster UI under its id."""

    run_id: str
    success: bool
    error: str | None


def run_sync(
    run_id: str,
    account_ids: Sequence[str],
    kind: RequestKind,
    claim_id: str | None = None,
) -> RunOutcome:
    """Run the sync job to its end.

    `DAGSTER_HOME` and the variables of `dagster.yaml` must be set.

    Args:
        run_id: A fresh UUID for the run.
        account_ids: Accounts to sync.
        kind: Why, which also says how much is read.
        claim_id: The batch of requests that the run serves.

    Returns:
        The outcome; a failed run does not raise.
    """
    from orchestration.jobs import SYNC_JOB_NAME, sync_run_config, sync_run_tags

    return _execute(
        SYNC_JOB_NAME,
        run_id,
        sync_run_config(account_ids, kind, claim_id),
        sync_run_tags(kind, history_days=_history_days(account_ids)),
    )


def run_verify(run_id: str, account_ids: Sequence[str], *, repair: bool) -> RunOutcome:
    """Run the job `verify` to its end, over whole accounts.

    `DAGSTER_HOME` and the variables of `dagster.yaml` must be set.

    Args:
        run_id: A fresh UUID for the run.
        account_ids: Accounts to compare with Stripe.
        repair: Whether to land what differs.

    Returns:
        The outcome; a failed run does not raise.
    """
    from orchestration.jobs import sync_run_config, sync_run_tags
    from orchestration.sweeps import ASKED_PERCENT
    from orchestration.verify import VERIFY_JOB_NAME

    kind = RequestKind.VERIFY
    return _execute(
        VERIFY_JOB_NAME,
        run_id,
        sync_run_config(account_ids, kind, repair=repair, reads_percent=ASKED_PERCENT),
        sync_run_tags(kind),
    )


def _execute(
    job_name: str, run_id: str, run_config: dict[str, Any], tags: dict[str, str]
) -> RunOutcome:
    from dagster import DagsterInstance

    from orchestration.definitions import defs
    from orchestration.sensors import give_back

    with DagsterInstance.get() as instance:
        result = defs.resolve_job_def(job_name).execute_in_process(
            run_id=run_id,
            run_config={
                **run_config,
                # The whole log is in the run; the terminal belongs to the command.
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            tags=tags,
            instance=instance,
            raise_on_error=False,
        )
        failures = [event for event in result.all_events if event.is_step_failure]
        error = None
        if not result.success:
            error = _cause(failures[0].step_failure_data.error) if failures else "it did not end"
            give_back(run_id, error)
        return RunOutcome(run_id=run_id, success=result.success, error=error)


def _history_days(account_ids: Sequence[str]) -> int | None:
    """Return the most days of history that one of the accounts wants; None means all."""
    with open_database(Settings.from_environment()) as engine:
        return most_days(
            [get_account(engine, account_id).history_days for account_id in account_ids]
        )


def _cause(error: SerializableErrorInfo | None) -> str:
    """Return the first line of the innermost cause, which is what people need to read."""
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error else "unknown"


def warm_up() -> None:
    """Load the code location, so that the next `run_sync` begins at once."""
    from orchestration import definitions  # noqa: F401
