"""Dagster's Postgres storage, with connections that are kept. Named in `dagster.yaml`.

Dagster's own opens a connection for every statement, and a run writes some seven hundred: making
connections took longer than reading a small account. Here a process keeps a few until Dagster
disposes of the instance. What is stored, and how, is Dagster's alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy import create_engine

#: Kept open per process; threads that need more at once open more for that time.
KEPT = 2
AT_ONCE = 20


class KeepingPostgresStorage(DagsterPostgresStorage):
    """The three storages of an instance, on one pool of connections.

    Args:
        postgres_url: SQLAlchemy URL of the database.
        inst_data: How Dagster makes it again in another process.
    """

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Makes the tables at the first use.
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = _EventLog(postgres_url, should_autocreate_tables=False)
        engine = create_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            pool_size=KEPT,
            max_overflow=AT_ONCE - KEPT,
            # The server may have been restarted since the last use.
            pool_pre_ping=True,
        )
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = engine

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> KeepingPostgresStorage:
        """Make it from what `dagster.yaml` says."""
        return cls(pg_url_from_config(config_value), inst_data=inst_data)


class _EventLog(PostgresEventLogStorage):
    """The storage that an instance disposes of last."""

    def dispose(self) -> None:
        super().dispose()
        self._engine.dispose()
