"""Dagster's home under `DASHTRAY_HOME`: its instance file and the variables it reads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from connections.settings import Settings

#: The checkout: where `dagster.yaml`, `workspace.yaml` and `dbt_project/` lie.
PROJECT_DIR = Path(__file__).resolve().parent.parent


def dagster_environment(settings: Settings, database_url: str) -> dict[str, str]:
    """Prepare Dagster's home and return the variables its processes need.

    Args:
        settings: The deployment's settings.
        database_url: SQLAlchemy URL of the running Postgres server.

    Returns:
        Variables to set beside the present environment. Telemetry of Dagster, dlt and dbt
        is off in all of them.
    """
    settings.dagster_dir.mkdir(parents=True, exist_ok=True)
    # Dagster reads dagster.yaml from its home only.
    shutil.copyfile(PROJECT_DIR / "dagster.yaml", settings.dagster_dir / "dagster.yaml")
    return {
        "DASHTRAY_HOME": str(settings.home),
        "DASHTRAY_DATABASE_URL": database_url,
        "DASHTRAY_DAGSTER_DIR": str(settings.dagster_dir),
        "DASHTRAY_COMPUTE_LOGS_DIR": str(settings.logs_dir / "compute"),
        "DAGSTER_HOME": str(settings.dagster_dir),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        # A materialisation of 90 day-partitions is 90 events: written as one batch they
        # cost a second, one by one four.
        "DAGSTER_EVENT_BATCH_SIZE": "1000",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }


def apply(environment: Mapping[str, str]) -> None:
    """Set the variables for this process and those it starts."""
    os.environ.update(environment)
