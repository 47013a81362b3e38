"""The two things that assets, sensors and schedules are given: accounts and the warehouse.

Both are built from the environment when they are first used, never at import, and both can
be replaced in tests through `build_definitions`.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import ConfigurableResource
from pydantic import PrivateAttr

from connections.settings import Settings
from orchestration.dbt_manifest import prepared_target
from orchestration.run_report import RunReport
from orchestration.warehouse import building, loading, warehouse_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from dlt_sources.stripe.warehouse import Warehouse as Location
    from orchestration.dbt_runner import DbtBuild


class Accounts(ConfigurableResource[None]):
    """The `connections` database: which accounts there are and what was asked for."""

    @contextmanager
    def engine(self) -> "Iterator[Engine]":
        """Open the database for the duration of a block."""
        from connections.postgres import open_database

        with open_database(self.settings()) as engine:
            yield engine

    def settings(self) -> Settings:
        """Return the deployment's settings."""
        return Settings.from_environment()


class Warehouse(ConfigurableResource[None]):
    """Where the warehouse is, who may work on it when, and the dbt build over it."""

    _dbt: "DbtBuild | None" = PrivateAttr(default=None)
    _preparing: threading.Thread | None = PrivateAttr(default=None)

    @property
    def location(self) -> "Location":
        """The DuckDB file, or the lake."""
        return warehouse_of(Settings.from_environment())

    @property
    def published(self) -> Path:
        """The folder of published marts."""
        return Settings.from_environment().published_dir

    @property
    def packages(self) -> Path:
        """The folder where extractions leave their load packages."""
        return Settings.from_environment().runs_dir

    def report(self, run_id: str) -> RunReport:
        """Return the report file of a run."""
        return RunReport(Settings.from_environment().logs_dir / "runs", run_id)

    @contextmanager
    def loading(self, on_wait: Callable[[str], None]) -> Iterator[None]:
        """Hold the right to load, and to read what is not being built."""
        with loading(Settings.from_environment(), on_wait):
            yield

    @contextmanager
    def building(self, on_wait: Callable[[str], None]) -> Iterator[None]:
        """Hold the right to build and to publish."""
        with building(Settings.from_environment(), on_wait):
            yield

    @contextmanager
    def scratch(self, run_id: str) -> Iterator[Path]:
        """Give a folder that lasts as long as the block."""
        folder = Settings.from_environment().home / "dbt" / "runs" / run_id
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def prepare_dbt(self) -> None:
        """Begin to import dbt and to read its manifest on another thread.

        Called while the network is busy, so that `dbt_build` has it ready.
        """
        if self._dbt is None and self._preparing is None:
            self._preparing = threading.Thread(target=self._prepare, name="prepare-dbt")
            self._preparing.start()

    def dbt_build(self) -> "DbtBuild":
        """Return the dbt project, ready to build."""
        if self._preparing is not None:
            self._preparing.join()
        if self._dbt is None:
            self._prepare()
        assert self._dbt is not None  # noqa: S101 - `_prepare` set it or raised
        return self._dbt

    def _prepare(self) -> None:
        from orchestration.dbt_runner import DbtBuild

        self._dbt = DbtBuild(prepared_target(Settings.from_environment().home))
