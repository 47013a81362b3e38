"""Dagster's home under `DASHTRAY_HOME`: its instance file and the variables it reads."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from connections.embedded import MAX_SOCKET_PATH
from connections.errors import DashtrayError
from connections.settings import Settings

#: The checkout: where `dagster.yaml`, `workspace.yaml` and `dbt_project/` lie.
PROJECT_DIR = Path(__file__).resolve().parent.parent


#: The one code location; `workspace.yaml` calls it so too.
LOCATION_NAME = "dashtray"


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


def code_socket(settings: Settings) -> Path:
    """Where the code server listens: a Unix socket that only this user reaches.

    Beside Dagster's files, or, for deep homes, at a short path named after the home.
    """
    beside = settings.dagster_dir / "socket" / "code"
    if len(os.fsencode(beside)) <= MAX_SOCKET_PATH:
        return beside
    digest = hashlib.sha256(os.fsencode(settings.home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"dashtray-code-{digest}" / "code"


def write_workspace(settings: Settings) -> Path:
    """Write the service's workspace file: all its processes share one code server.

    Raises:
        DashtrayError: The directory of the socket belongs to another user.
    """
    socket = code_socket(settings)
    with suppress(FileExistsError):
        socket.parent.mkdir(mode=0o700, parents=True)
    if socket.parent.is_symlink() or socket.parent.stat().st_uid != os.geteuid():
        raise DashtrayError(
            f"{socket.parent}, where the code server listens, belongs to another user. Remove it, "
            "or set DASHTRAY_HOME to a shorter path."
        )
    socket.parent.chmod(0o700)
    server = {"location_name": LOCATION_NAME, "socket": str(socket), "host": "localhost"}
    workspace = settings.dagster_dir / "workspace.yaml"
    # JSON is YAML, with none of its surprises in paths.
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}) + "\n")
    return workspace


def apply(environment: Mapping[str, str]) -> None:
    """Set the variables for this process and those it starts."""
    os.environ.update(environment)
