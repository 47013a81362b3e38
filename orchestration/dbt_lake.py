"""dbt-duckdb's plugin that gives a build the lake; the profile's target `lake` names it.

Through dbt's own `attach` the catalogue's password and the bucket's keys would have to stand in the
profile.
"""

from __future__ import annotations

from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from connections.settings import Settings
from dlt_sources.stripe.lake import CATALOG, Lake
from orchestration.warehouse import warehouse_of


class Plugin(BasePlugin):
    """Attaches the lake that the environment names."""

    def configure_connection(self, conn: Any) -> None:
        """Attach it, before dbt looks for it under its alias."""
        lake = warehouse_of(Settings.from_environment())
        if not isinstance(lake, Lake):
            raise RuntimeError("The target `lake` needs DASHTRAY_WAREHOUSE=ducklake:postgres.")
        lake.attach(conn)

    def configure_cursor(self, cursor: Any) -> None:
        """Make it the current database: each cursor has its own."""
        cursor.execute(f"use {CATALOG}")
