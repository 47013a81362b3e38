"""The runs that the service's code server works on, as Dagster knows them.

Runs of other processes (`--here`) are none of the service's: they end by themselves.
`DAGSTER_HOME` and the variables of `dagster.yaml` must be set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

_ENDED = (
    "Its process ended with the service's code server. What it had not loaded is read again by "
    "its accounts' next sync."
)


def in_progress() -> list[str]:
    """Return the ids of the runs that the code server works on."""
    from dagster import DagsterInstance

    with DagsterInstance.get() as instance:
        return [run.run_id for run in _launched(instance)]


def cancel() -> list[str]:
    """Ask every run to stop; returns the ids of those that were asked."""
    from dagster import DagsterInstance

    with DagsterInstance.get() as instance:
        runs = [run.run_id for run in _launched(instance)]
        for run_id in runs:
            instance.run_launcher.terminate(run_id)
        return runs


def fail_orphans() -> list[str]:
    """Mark runs whose code server is gone as failed; returns their ids.

    Dagster's run monitoring cannot tell that such a run is dead and would leave it running for
    ever, in one of the few places for runs. Called while no code server runs.
    """
    from dagster import DagsterInstance, DagsterRunStatus

    with DagsterInstance.get() as instance:
        runs = _launched(instance)
        for run in runs:
            if run.status is DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, _ENDED)
            else:
                instance.report_run_failed(run, _ENDED)
        return [run.run_id for run in runs]


def _launched(instance: DagsterInstance) -> list[DagsterRun]:
    from dagster import DagsterRunStatus, RunsFilter
    from dagster._core.storage.tags import GRPC_INFO_TAG

    statuses = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    runs = instance.get_runs(RunsFilter(statuses=statuses))
    return [run for run in runs if GRPC_INFO_TAG in run.tags]
