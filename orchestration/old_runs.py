"""Dagster's history: old runs go, what the UI shows of each asset stays.

`DagsterInstance.delete_run` deletes a run with its events, and with them the fact that a
partition was ever materialised: the day or account would be shown as missing. (Of an asset
without partitions the last materialisation is kept apart and survives.) So the run that last
materialised a partition is kept. Results of asset checks are in a table of their own, which
`delete_run` leaves alone and which has no interface for deleting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from sqlalchemy import delete, func, select

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PAGE = 200
_FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def delete_old_runs(instance: DagsterInstance, *, before: datetime, marks: datetime) -> list[str]:
    """Delete finished runs that were created before an instant, but for those that mark assets.

    Args:
        instance: Dagster's instance.
        before: Younger runs stay.
        marks: The last materialisation of an older day goes too.

    Returns:
        The ids of the deleted runs.
    """
    keep = marking_runs(instance, marks)
    old = [run_id for run_id in _old_runs(instance, before) if run_id not in keep]
    for run_id in old:
        instance.delete_run(run_id)
    return old


def marking_runs(instance: DagsterInstance, since: datetime) -> set[str]:
    """The runs that last materialised a partition or an asset; of days, only those since then."""
    table = SqlEventLogStorageTable
    last = (
        select(func.max(table.c.id).label("id"), table.c.partition)
        .where(table.c.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value)
        .group_by(table.c.asset_key, table.c.partition)
        .subquery()
    )
    query = select(table.c.run_id, last.c.partition).join(last, last.c.id == table.c.id)
    oldest = since.strftime("%Y-%m-%d")
    with _storage(instance).index_connection() as connection:
        marks = [(str(run), str(partition)) for run, partition in connection.execute(query).all()]
    return {run for run, partition in marks if not _is_old_day(partition, oldest)}


def delete_old_check_results(instance: DagsterInstance, *, before: datetime) -> int:
    """Delete results of asset checks from before an instant; the last of each check stays."""
    table = AssetCheckExecutionsTable
    # Not by partition: only the plan of a check carries it, not its result.
    last = select(func.max(table.c.id)).group_by(table.c.asset_key, table.c.check_name)
    statement = delete(table).where(
        # The column is UTC without a zone.
        table.c.create_timestamp < before.replace(tzinfo=None),
        table.c.id.not_in(last),
    )
    with _storage(instance).index_connection() as connection:
        return int(connection.execute(statement).rowcount)


def _is_old_day(partition: str, oldest: str) -> bool:
    return bool(_DAY.fullmatch(partition)) and partition < oldest


def _old_runs(instance: DagsterInstance, before: datetime) -> Iterator[str]:
    filters = RunsFilter(statuses=_FINISHED, created_before=before)
    cursor = None
    while page := instance.get_runs(filters, cursor=cursor, limit=_PAGE):
        yield from (run.run_id for run in page)
        cursor = page[-1].run_id


def _storage(instance: DagsterInstance) -> SqlEventLogStorage:
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise TypeError(f"Dagster's events are in a {type(storage).__name__}, not in SQL tables.")
    return storage
