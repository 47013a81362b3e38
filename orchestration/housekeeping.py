"""Housekeeping: what is old goes, every night, so that the disk's use stays bounded.

In which order and how it is asked for; what is removed is in `old_runs`, `old_files`,
`tidy_warehouse` and `connections.forgetting`, and how long things are kept in
`connections.retention`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster import (
    DagsterInstance,
    DefaultScheduleStatus,
    MetadataValue,
    OpExecutionContext,
    Out,
    ScheduleDefinition,
    in_process_executor,
    job,
    op,
)

from connections.forgetting import database_bytes, forget_history, forget_visits, vacuum
from connections.postgres import open_database
from connections.retention import LEFTOVERS, MARKS, READINGS, REQUESTS, RUNS
from connections.settings import Settings
from orchestration.lake_upkeep import Tidied, tidy_lake
from orchestration.old_files import (
    Freed,
    remove_leftovers,
    remove_logs,
    remove_spills,
    shorten_server_log,
)
from orchestration.old_runs import delete_old_check_results, delete_old_runs
from orchestration.tidy_warehouse import forget_superseded, give_back_blocks
from orchestration.warehouse import building, warehouse_of
from orchestration.warehouse_lock import WAREHOUSE_POOL

#: What was done: `part`, `removed` (how many) and `freed` (bytes).
Done = dict[str, Any]


def keep_house(on_wait: Callable[[str], None] | None = None) -> list[Done]:
    """Do all of it in this process.

    `DAGSTER_HOME` and the variables of `dagster.yaml` must be set.

    Args:
        on_wait: Called with a sentence if a sync holds the warehouse.

    Returns:
        One row per part.
    """
    settings = Settings.from_environment()
    with DagsterInstance.get() as instance:
        done = tidy_history(settings, instance, datetime.now(UTC))
    return [*done, *tidy_warehouse(settings, datetime.now(UTC), on_wait)]


def tidy_history(settings: Settings, instance: DagsterInstance, now: datetime) -> list[Done]:
    """Everything but the warehouse: Dagster's history, ours, logs and leftovers."""
    old = now - RUNS.kept()
    runs = delete_old_runs(instance, before=old, marks=now - MARKS.kept())
    results = delete_old_check_results(instance, before=old)
    with open_database(settings) as engine:
        before = database_bytes(engine)
        forgotten = forget_history(engine, before=now - REQUESTS.kept())
        forgotten |= forget_visits(engine, now=now)
        vacuum(engine)
        freed = before - database_bytes(engine)
    logs = remove_logs(settings, before=old) + shorten_server_log(settings)
    leftovers = remove_leftovers(settings, before=now - LEFTOVERS.kept())
    return [
        _done("Dagster runs", len(runs)),
        _done("check results", results),
        *(_done(table, count) for table, count in forgotten.items()),
        # Deleted rows leave room in Postgres's files, which is used again, not given back.
        _done("Postgres files", 0, max(freed, 0)),
        _done("logs", logs.count, logs.size),
        _done("leftovers", leftovers.count, leftovers.size),
    ]


def tidy_warehouse(
    settings: Settings, now: datetime, on_wait: Callable[[str], None] | None = None
) -> list[Done]:
    """Superseded readings, unused space, and what lies around the warehouse file."""
    with building(settings, on_wait):
        spills = remove_spills(settings)
        warehouse = warehouse_of(settings)
        readings = 0
        if there := warehouse.exists():
            deleted = forget_superseded(warehouse, before=now - READINGS.kept())
            readings = sum(deleted.values())
        if isinstance(warehouse, Path):
            freed = give_back_blocks(warehouse) if there else 0
            space = [_done("warehouse file", 1 if freed else 0, freed)]
        else:
            tidied = tidy_lake(warehouse, now) if there else Tidied(0, 0, 0)
            space = [
                _done("lake files merged", tidied.merged),
                _done("lake snapshots", tidied.snapshots),
                _done("lake files", tidied.removed),
            ]
    return [_done("raw readings", readings), *space, _done("spilled files", *_pair(spills))]


@op(description="Delete old runs, requests, logs and leftovers; vacuum Postgres.", out=Out(bool))
def tidy_up_history(context: OpExecutionContext) -> bool:
    """As `tidy_history`; says that it is done."""
    _report(context, tidy_history(Settings.from_environment(), context.instance, datetime.now(UTC)))
    return True


@op(
    description="Delete superseded readings, give unused blocks of the warehouse file back.",
    pool=WAREHOUSE_POOL,
)
def tidy_up_warehouse(context: OpExecutionContext, after_history: bool) -> None:
    """As `tidy_warehouse`, in the place of the one writer."""
    settings = Settings.from_environment()
    _report(context, tidy_warehouse(settings, datetime.now(UTC), context.log.info))


@job(
    name="housekeeping",
    description="Remove what is old. How long things are kept is in docs/operating.md.",
    executor_def=in_process_executor,
)
def housekeeping_job() -> None:
    """The history first: it needs no turn at the warehouse."""
    tidy_up_warehouse(tidy_up_history())


housekeeping_schedule = ScheduleDefinition(
    name="nightly_housekeeping",
    job=housekeeping_job,
    # Beside the hours and half hours of the tiers.
    cron_schedule="17 3 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Removes what is old, at 03:17 UTC.",
)


def _report(context: OpExecutionContext, done: list[Done]) -> None:
    for row in done:
        context.log.info(f"{row['part']}: {row['removed']} removed, {row['freed']} bytes freed")
    context.add_output_metadata({row["part"]: MetadataValue.int(row["removed"]) for row in done})


def _done(part: str, removed: int, freed: int = 0) -> Done:
    return {"part": part, "removed": removed, "freed": freed}


def _pair(freed: Freed) -> tuple[int, int]:
    return freed.count, freed.size
