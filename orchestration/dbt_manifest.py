"""The prepared dbt manifest: parsed once per state of the project's files.

Parsing the project costs several seconds; Dagster loads the code location in several
processes. So the parsed manifest lives under `DASHTRAY_HOME/dbt/<fingerprint>/`, where the
fingerprint is a hash of every file that parsing reads: it can be missing, never stale.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import orjson

from orchestration.warehouse_lock import warehouse_lock

DBT_PROJECT_DIR = Path(__file__).resolve().parent.parent / "dbt_project"

#: Every deployment's warehouse is called so, since the manifest carries the name.
WAREHOUSE_NAME = "warehouse.duckdb"

_PARSED_SUFFIXES = {".sql", ".yml", ".yaml", ".md", ".csv"}
_IGNORED_DIRECTORIES = {"target", "logs", "dbt_packages"}
_KEPT_VERSIONS = 3


def project_fingerprint(project_dir: Path = DBT_PROJECT_DIR) -> str:
    """Hash the names and contents of all files that dbt parses.

    Args:
        project_dir: The dbt project's folder.

    Returns:
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for file in sorted(project_dir.rglob("*")):
        relative = file.relative_to(project_dir)
        if file.suffix not in _PARSED_SUFFIXES or relative.parts[0] in _IGNORED_DIRECTORIES:
            continue
        digest.update(str(relative).encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def prepared_target(home: Path, project_dir: Path = DBT_PROJECT_DIR) -> Path:
    """Return a dbt target folder that holds `manifest.json` and the partial parse.

    Args:
        home: `DASHTRAY_HOME`; the folder is made under it, by parsing, if it is not there.
        project_dir: The dbt project's folder.

    Returns:
        The target folder.

    Raises:
        RuntimeError: The project does not parse; the message is dbt's.
    """
    versions = home / "dbt"
    target = versions / project_fingerprint(project_dir)
    if (target / "manifest.json").exists():
        return target
    versions.mkdir(parents=True, exist_ok=True)
    # One process parses; those that start beside it wait and find the result.
    with warehouse_lock(versions / ".lock"):
        if not (target / "manifest.json").exists():
            _parse(project_dir, target)
            _forget_old_versions(versions, keep=target)
    return target


def load_manifest_json(target: Path) -> dict[str, object]:
    """Read `manifest.json` of a prepared target folder."""
    manifest: dict[str, object] = orjson.loads((target / "manifest.json").read_bytes())
    return manifest


def _parse(project_dir: Path, target: Path) -> None:
    from dbt.cli.main import dbtRunner

    with tempfile.TemporaryDirectory() as scratch:
        # Parsing opens no database, but writes its name, which DuckDB takes from the file's,
        # into the manifest.
        os.environ["DASHTRAY_WAREHOUSE_PATH"] = str(Path(scratch) / WAREHOUSE_NAME)
        result = dbtRunner().invoke(
            [
                "--quiet",
                "parse",
                f"--project-dir={project_dir}",
                f"--profiles-dir={project_dir}",
                f"--target-path={scratch}",
                f"--log-path={scratch}",
            ]
        )
        if not result.success:
            raise RuntimeError(f"dbt cannot parse the project at {project_dir}: {result.exception}")
        # Put in place as a whole: a reader finds all of it or nothing.
        aside = target.with_name(f"{target.name}.new")
        aside.mkdir(exist_ok=True)
        for name in ("manifest.json", "partial_parse.msgpack"):
            shutil.copyfile(Path(scratch) / name, aside / name)
    aside.replace(target)


def _forget_old_versions(versions: Path, keep: Path) -> None:
    # A process that runs the former version may still read it: keep a few.
    folders = sorted(
        (folder for folder in versions.iterdir() if folder.is_dir() and folder != keep),
        key=lambda folder: folder.stat().st_mtime,
        reverse=True,
    )
    for folder in folders[_KEPT_VERSIONS:]:
        shutil.rmtree(folder, ignore_errors=True)
