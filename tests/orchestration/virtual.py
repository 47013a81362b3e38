"""The service in virtual time: Dagster's own scheduler, sensors and queue, on a real Postgres.

What is real: the schedules and sensors of `orchestration`, their evaluation by Dagster's daemons,
ticks, runs and run keys in Dagster's storage, the queue, and everything in `connections`. What is
not: the clock, and what happens inside a run. A run takes its accounts and says their outcome as
the job's steps do, and takes the time that the test gives it, but reads and builds nothing.
"""

from __future__ import annotations

import logging
import os
import signal
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, Definitions
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import RunLauncher
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import ScheduleIterationTimes, launch_scheduled_runs
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from sqlalchemy.engine import Engine

from connections import syncs
from connections.models import RequestKind, SyncOutcome
from connections.postgres import make_engine
from console.dagster_home import PROJECT_DIR
from orchestration.account_events import ACCOUNT_SYNC
from orchestration.dagster_storage import KeepingPostgresStorage
from orchestration.extract import EXTRACT_STEP, payment_history
from orchestration.jobs import sync_job
from orchestration.resources import Accounts, Warehouse
from orchestration.schedules import build_schedules
from orchestration.sensors import build_ended_run_sensors, sync_requests

URL_VARIABLE = "TEST_DATABASE_URL"
LOGGER = logging.getLogger("virtual")


class GivenDatabase(Accounts):
    """The database of the test, which is migrated already."""

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        engine = make_engine(os.environ[URL_VARIABLE])
        try:
            yield engine
        finally:
            engine.dispose()


#: One small asset in place of some sixty: what a run contains is not what is tested.
defs = Definitions(
    assets=[payment_history, ACCOUNT_SYNC],
    jobs=[sync_job],
    schedules=build_schedules(),
    sensors=[sync_requests, *build_ended_run_sensors()],
    resources={"accounts": GivenDatabase(), "warehouse": Warehouse()},
)


class Accepting(RunLauncher, ConfigurableClass):  # type: ignore[misc]
    """Says that a run has started; the test decides when and how it ends."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Accepting:
        return cls(inst_data)

    def launch_run(self, context: Any) -> None:
        report(self._instance, context.dagster_run, DagsterEventType.RUN_START)

    def terminate(self, run_id: str) -> bool:
        return False


def report(instance: DagsterInstance, run: DagsterRun, event_type: DagsterEventType) -> None:
    event = DagsterEvent(event_type_value=event_type.value, job_name=run.job_name)
    instance.report_dagster_event(event, run.run_id)


@dataclass
class Done:
    """One account's sync, as it happened."""

    account_id: str
    kind: RequestKind
    began: datetime
    outcome: SyncOutcome


@dataclass
class Service:
    """The daemon and the code server, with a clock that the test moves."""

    engine: Engine
    reference: InstanceRef
    clock: VirtualClock
    minutes: Mapping[str, float] = field(default_factory=dict)
    """Tier (or kind) → how long its runs take; a quarter of a minute where it is not said."""
    failing: set[str] = field(default_factory=set)
    done: list[Done] = field(default_factory=list)
    _ends: dict[str, datetime] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def going_on(self) -> list[str]:
        """The runs that have begun and not ended."""
        return list(self._ends)

    def start(self) -> None:
        self._stack = ExitStack()
        self.instance = self._stack.enter_context(DagsterInstance.from_ref(self.reference))
        self._workspace: WorkspaceProcessContext = self._stack.enter_context(
            create_test_daemon_workspace_context(target(), self.instance)
        )
        self._iterations: dict[str, ScheduleIterationTimes] = {}
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        self.up = True

    def stop(self) -> None:
        """The daemon and the code server end; what they kept in memory is lost."""
        self.up = False
        self._stack.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def look(self, *, sensors: bool = True) -> None:
        """One round of each daemon, at the present of the virtual clock."""
        with self.clock.frozen() as now:
            self._end_runs(now)
            self._schedule(None)
            if sensors:
                list(execute_sensor_iteration(self._workspace, LOGGER, None, None))
            list(self._queue.run_iteration(self._workspace, fixed_iteration_time=now.timestamp()))
            self._begin_runs(now)

    def watch_runs(self) -> None:
        """One round of the daemon that finds stuck runs."""
        with self.clock.frozen():
            errors = [*execute_run_monitoring_iteration(self._workspace, LOGGER)]
        assert [error for error in errors if error is not None] == []

    def die_while_scheduling(self, schedule: str, where: str) -> None:
        """The daemon is killed (SIGKILL) in the middle of a tick, then started again."""
        with self.clock.frozen():
            # Both would speak through the same connections.
            self.instance.dispose()
            child = os.fork()
            if child == 0:
                try:
                    self._schedule({schedule: {where: signal.SIGKILL}})
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(0)
            _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"{schedule} did not come to {where} at {self.clock.now}"
        self.restart()

    def _schedule(self, crash: Mapping[str, Mapping[str, int]] | None) -> None:
        errors = [
            error
            for error in launch_scheduled_runs(
                self._workspace,
                LOGGER,
                self.clock.now,
                iteration_times=self._iterations,
                debug_crash_flags=crash,
            )
            if error is not None
        ]
        assert errors == []

    def _begin_runs(self, now: datetime) -> None:
        for record in self.instance.get_run_records(limit=20):
            run = record.dagster_run
            if run.status.value != "STARTED" or run.run_id in self._ends:
                continue
            config = run.run_config["ops"][EXTRACT_STEP]["config"]
            syncs.begin_sync(
                self.engine,
                run.run_id,
                config["accounts"],
                RequestKind[config["kind"]],
                claim_id=config["claim_id"],
                now=now,
            )
            lane = run.tags.get("dashtray/tier", run.tags["dashtray/kind"])
            self._ends[run.run_id] = now + timedelta(minutes=self.minutes.get(lane, 0.25))

    def _end_runs(self, now: datetime) -> None:
        from connections.sync_reports import syncs_of_run

        for run_id, end in sorted(self._ends.items(), key=lambda item: item[1]):
            if end > now:
                continue
            del self._ends[run_id]
            taken = syncs_of_run(self.engine, run_id)
            for sync in taken:
                bad = sync.account_id in self.failing
                outcome = SyncOutcome.FAILED if bad else SyncOutcome.OK
                self.done.append(Done(sync.account_id, sync.kind, sync.started_at, outcome))
                if bad:
                    syncs.record_outcome(
                        self.engine, run_id, sync.account_id, outcome, error="no", now=end
                    )
            good = [sync.account_id for sync in taken if sync.account_id not in self.failing]
            readings = {account_id: syncs.Reading(1, 1) for account_id in good}
            syncs.record_readings(self.engine, run_id, readings)
            syncs.record_loaded(self.engine, [run_id], now=end)
            syncs.record_built(self.engine, loaded_before=end, now=end)
            syncs.record_published(self.engine, now=end)
            run = self.instance.get_run_by_id(run_id)
            assert run is not None
            report(self.instance, run, DagsterEventType.RUN_SUCCESS)


@dataclass
class VirtualClock:
    """The present, for Dagster and for `connections`."""

    now: datetime

    @contextmanager
    def frozen(self) -> Iterator[datetime]:
        present = self.now

        class Frozen(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:
                return present.astimezone(tz)

        with (
            freeze_time(present),
            patch("connections.rows.datetime", Frozen),
            patch("orchestration.partitions.datetime", Frozen),
            # A request is there or it is not: time does not pass while the sensor listens.
            patch("orchestration.sensors.LISTEN_SECONDS", 0.0),
        ):
            yield present


def target() -> Any:
    return InProcessWorkspaceLoadTarget(
        InProcessCodeLocationOrigin(
            LoadableTargetOrigin(module_name=__name__, attribute="defs"), location_name="dashtray"
        )
    )


def instance_reference(directory: Path, database_url: str) -> InstanceRef:
    """Dagster's instance as `dagster.yaml` makes it, but for the launcher."""
    return InstanceRef.from_dir(
        str(directory),
        overrides={
            "telemetry": {"enabled": False},
            "storage": {
                "custom": {
                    "module": KeepingPostgresStorage.__module__,
                    "class": KeepingPostgresStorage.__name__,
                    "config": {"postgres_url": database_url},
                }
            },
            "run_monitoring": yaml.safe_load((PROJECT_DIR / "dagster.yaml").read_text())[
                "run_monitoring"
            ],
            "run_coordinator": {
                "module": "dagster.core.run_coordinator",
                "class": "QueuedRunCoordinator",
            },
            "run_launcher": {"module": __name__, "class": "Accepting"},
        },
    )


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]
