"""Runs dbt in this process on a warehouse file and reads what it built.

Belongs here: the one way in which tests call dbt. Not here: expectations.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import orjson

from orchestration.dbt_manifest import project_fingerprint

PROJECT = Path(__file__).parents[2] / "dbt_project"


class BuildFailed(AssertionError):
    """A dbt command did not succeed; the message names the nodes and says why."""


# Parsing the project costs more than building a small world, and depends on the vars alone.
_MANIFESTS: dict[bytes, Any] = {}


def dbt(
    warehouse: Path,
    *arguments: str,
    variables: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    project: Path = PROJECT,
) -> None:
    """Run one dbt command on a warehouse and let go of the file afterwards.

    Args:
        warehouse: The DuckDB file.
        arguments: The dbt command and its options, such as `build`.
        variables: dbt vars, such as the preset.
        environment: Environment variables of this command alone; they need no parse of their own.
        project: The dbt project; a copy of it may change, and is parsed each time.

    Raises:
        BuildFailed: A model or a test failed, or the project does not parse.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    os.environ["DASHTRAY_WAREHOUSE_PATH"] = str(warehouse)
    # As the pipeline builds: a second build computes only what the first cannot know.
    os.environ["DASHTRAY_CODE_FINGERPRINT"] = project_fingerprint(project)
    before = dict(os.environ)
    os.environ.update(environment or {})
    given = orjson.dumps(variables or {})
    options = _options(warehouse, project, given)
    try:
        if project == PROJECT and given not in _MANIFESTS:
            parsed = dbtRunner().invoke(["parse", "--no-partial-parse", *options])
            if not parsed.success:
                raise BuildFailed(str(parsed.exception))
            _MANIFESTS[given] = parsed.result
        manifest = _MANIFESTS[given] if project == PROJECT else None
        result = dbtRunner(manifest=manifest).invoke([*arguments, *options])
    finally:
        DuckDBConnectionManager.close_all_connections()
        for name in environment or {}:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]
    if result.success:
        return
    if result.exception is not None:
        raise BuildFailed(str(result.exception))
    failed = [
        f"{node.node.name}: {node.status} {node.message}"
        for node in getattr(result.result, "results", [])
        if str(node.status) in ("error", "fail", "runtime error")
    ]
    raise BuildFailed("\n".join(failed))


def written_by_parse(warehouse: Path) -> Path:
    """Parse the project anew, so that the adapter knows the warehouse and all files are written.

    Returns:
        The folder with what dbt's own `parse` writes, such as `semantic_manifest.json`.
    """
    from dbt.cli.main import dbtRunner

    os.environ["DASHTRAY_WAREHOUSE_PATH"] = str(warehouse)
    options = _options(warehouse, PROJECT, b"{}")
    parsed = dbtRunner().invoke(["parse", "--no-partial-parse", *options])
    if not parsed.success:
        raise BuildFailed(str(parsed.exception))
    return warehouse.parent / "target"


def _options(warehouse: Path, project: Path, variables: bytes) -> list[str]:
    return [
        "--project-dir",
        str(project),
        "--profiles-dir",
        str(project),
        "--target-path",
        str(warehouse.parent / "target"),
        "--log-path",
        str(warehouse.parent / "logs"),
        "--log-level-file",
        "none",
        "--quiet",
        "--vars",
        variables.decode(),
    ]


def rows(warehouse: Path, query: str, parameters: object = None) -> list[dict[str, Any]]:
    """Return the rows of a query on a built warehouse, as dicts by column."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        cursor = connection.execute(query, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
