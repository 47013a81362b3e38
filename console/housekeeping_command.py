"""`dashtray housekeeping`: what the service does every night, at once."""

from __future__ import annotations

from typing import Any

from connections.postgres import open_postgres
from connections.settings import Settings
from console import dagster_home
from console.jobs import find_job
from console.output import err


def keep_house() -> list[dict[str, Any]]:
    """Remove what is old; returns one row per part with what was removed and the bytes freed."""
    settings = Settings.from_environment()
    with open_postgres(settings) as database_url:
        dagster_home.apply(dagster_home.dagster_environment(settings, database_url))
        rows: list[dict[str, Any]] = find_job("housekeeping")(err.print)
        return rows
