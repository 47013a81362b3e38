"""`dashtray docs`: the dbt docs site as one static page."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from connections.errors import DashtrayError
from connections.settings import Settings
from console.dagster_home import PROJECT_DIR


class DocsFailed(DashtrayError):
    """dbt could not build its docs site."""


def build(output: Path) -> Path:
    """Build the site.

    The catalogue of columns is read from the warehouse if there is one; without one the
    site is built from the project alone.

    Args:
        output: Folder for `index.html`; made if it is not there.

    Returns:
        The page.

    Raises:
        DocsFailed: dbt said no.
    """
    from dbt.cli.main import dbtRunner

    settings = Settings.from_environment()
    project = PROJECT_DIR / "dbt_project"
    with tempfile.TemporaryDirectory() as scratch:
        # dbt's catalogue opens the warehouse; without one an empty file is enough.
        # Of a lake the columns are not asked: dbt alone does not know how it is opened.
        has_warehouse = settings.lake is None and settings.warehouse_path.exists()
        warehouse = settings.warehouse_path if has_warehouse else Path(scratch) / "none.duckdb"
        os.environ["DASHTRAY_WAREHOUSE_PATH"] = str(warehouse)
        result = dbtRunner().invoke(
            [
                "--quiet",
                "docs",
                "generate",
                "--static",
                *([] if has_warehouse else ["--empty-catalog"]),
                f"--project-dir={project}",
                f"--profiles-dir={project}",
                f"--target-path={scratch}",
                f"--log-path={scratch}",
            ]
        )
        if not result.success:
            raise DocsFailed(f"dbt could not build the docs site: {result.exception}")
        output.mkdir(parents=True, exist_ok=True)
        page = output / "index.html"
        shutil.copyfile(Path(scratch) / "static_index.html", page)
    return page
