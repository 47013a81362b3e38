"""Putting a backup in the place of a home's warehouse and tables.

Everything is prepared and checked aside, under `.restore/` in the home. Then one mark says that
it counts, and what follows can be repeated from any point: killed before the mark, the home is
as it was; killed after it, `dashtray restore` finishes the work, and nothing else runs before.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from connections.dump import (
    DumpedTable,
    holds_anything,
    let_go,
    restore_tables,
    restored_from,
)
from connections.errors import DashtrayError
from connections.migrations import is_known
from connections.postgres import open_database
from connections.service_lock import hold_service_lock
from connections.settings import Settings
from connections.vault import open_vault
from orchestration.backup import backups_in, warehouse_counts
from orchestration.backup_file import OPERATORS_FILES, WAREHOUSE_MEMBER, Backup, BackupUnusable
from orchestration.copies import publish_everything
from orchestration.publish import MARTS_SCHEMA, sync_to_disk
from orchestration.warehouse import require_file
from orchestration.warehouse_lock import warehouse_lock


class RestoreRefused(DashtrayError):
    """The backup must not be put there as things are. Nothing was changed."""


@dataclass(frozen=True)
class Restored:
    """A restore that is done.

    Attributes:
        source: The backup.
        made_at: When it was taken, ISO 8601.
        accounts: How many accounts there are now.
        key_problem: Why stored credentials cannot be read, if so.
    """

    source: str
    made_at: str
    accounts: int
    key_problem: str | None


def restore_backup(
    source: Path | None, *, force: bool = False, on_wait: Callable[[str], None] | None = None
) -> Restored:
    """Put a backup in place, or finish a restore that was interrupted.

    Args:
        source: The file, or a directory whose newest backup is meant; None finishes.
        force: Also where there are data already; they are replaced.
        on_wait: Called with a sentence if another process holds the warehouse.

    Raises:
        RestoreRefused: There are data, or the service runs. Nothing was changed.
        NotWithALake: There is a lake. Nothing was changed.
        BackupUnusable: The backup is damaged or a newer version's. Nothing was changed.
    """
    settings = Settings.from_environment(during_restore=True)
    require_file(
        settings,
        "A restore",
        "Restore the catalogue's database with pg_restore and put the data back where "
        "DASHTRAY_LAKE_DATA says; or restore a backup of a file without DASHTRAY_WAREHOUSE, then "
        "move it into the lake with: dashtray warehouse migrate",
    )
    with ExitStack() as held:
        held.enter_context(hold_service_lock(settings))
        held.enter_context(warehouse_lock(settings.warehouse_lock_path, on_wait))
        if not settings.restore_mark.exists():
            if source is None:
                raise RestoreRefused("No restore was interrupted. Name the backup to restore.")
            _prepare(settings, Backup.open(_file(source)), force)
        elif source is not None:
            raise RestoreRefused(
                "Another restore was interrupted while it put its files in place. Finish it "
                "first with: dashtray restore"
            )
        return _put_in_place(settings)


def _file(source: Path) -> Path:
    if not source.is_dir():
        return source
    found = backups_in(source)
    if not found:
        raise BackupUnusable(f"There is no backup (dashtray-….tar) in {source}.")
    return found[0]


def _prepare(settings: Settings, backup: Backup, force: bool) -> None:
    """Make everything ready under `.restore/`, and say so with the mark."""
    manifest = backup.manifest
    if not is_known(manifest["schema_revision"]):
        raise BackupUnusable(
            f"{backup.path} was made by a newer version of Dashtray "
            f"({manifest['versions']['dashtray']}, tables {manifest['schema_revision']}). Install "
            "that version or a newer one. Nothing was changed."
        )
    if not force:
        _require_empty(settings)
    stage = settings.restore_dir
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(mode=0o700)
    try:
        backup.extract(stage)
        if manifest["warehouse"] is not None:
            _check_warehouse(backup.path, stage / WAREHOUSE_MEMBER, manifest)
            _publish(settings, stage)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    aside = stage / "ready.new"
    aside.write_text(json.dumps({**manifest, "source": str(backup.path), "mark": uuid.uuid4().hex}))
    _sync_tree(stage)
    aside.replace(settings.restore_mark)
    sync_to_disk(stage)


def _require_empty(settings: Settings) -> None:
    if settings.warehouse_path.exists():
        found = str(settings.warehouse_path)
    else:
        with open_database(settings) as engine:
            if not holds_anything(engine):
                return
        found = "accounts in Postgres"
    raise RestoreRefused(
        f"There are data already ({found}). Restore into an empty home (DASHTRAY_HOME) with an "
        "empty database, or replace them with --force. Nothing was changed."
    )


def _check_warehouse(source: Path, warehouse: Path, manifest: dict[str, Any]) -> None:
    try:
        counts = warehouse_counts(warehouse)
    except duckdb.Error as error:
        raise BackupUnusable(
            f"{source}: its warehouse, written by DuckDB {manifest['versions']['duckdb']}, cannot "
            f"be opened with DuckDB {duckdb.__version__}: {error}. Nothing was changed."
        ) from None
    if counts != manifest["warehouse"]:
        raise BackupUnusable(
            f"{source} is damaged: its warehouse has not the rows that the manifest lists. "
            "Nothing was changed."
        )


def _publish(settings: Settings, stage: Path) -> None:
    """Publish from the restored warehouse, so that readers see it at once."""
    warehouse = stage / WAREHOUSE_MEMBER
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        built = connection.execute(
            "select count(*) from duckdb_tables() where schema_name = ?", [MARTS_SCHEMA]
        ).fetchone()
    if built and built[0]:
        publish_everything(warehouse, stage / "published", "restored", settings.publish)


def _put_in_place(settings: Settings) -> Restored:
    """Put in place what `.restore/` holds; each step may be repeated after a kill."""
    stage = settings.restore_dir
    manifest = json.loads(settings.restore_mark.read_text())
    tables = [DumpedTable.from_json(values) for values in manifest["tables"]]
    with open_database(settings) as engine, ExitStack() as files:
        if restored_from(engine) != manifest["mark"]:
            contents = [
                (table, files.enter_context((stage / "postgres" / f"{table.name}.copy").open("rb")))
                for table in tables
            ]
            restore_tables(engine, manifest["schema_revision"], contents, manifest["mark"])
        let_go(engine)
        # Before the warehouse: a package that was read after the backup's cursors would be
        # loaded by the next sync, and what lies between would be missing in silence.
        shutil.rmtree(settings.runs_dir, ignore_errors=True)
        warehouse = settings.warehouse_path
        staged = stage / WAREHOUSE_MEMBER
        # A log of the former file's changes must not be played into the new one.
        warehouse.with_name(f"{warehouse.name}.wal").unlink(missing_ok=True)
        if manifest["warehouse"] is None:
            warehouse.unlink(missing_ok=True)
        elif staged.exists():
            staged.replace(warehouse)
        for name in OPERATORS_FILES:
            if (stage / name).exists():
                (stage / name).replace(settings.home / name)
        if (stage / "published").exists():
            shutil.rmtree(settings.published_dir, ignore_errors=True)
            (stage / "published").replace(settings.published_dir)
        sync_to_disk(settings.home)
        settings.restore_mark.unlink()
        shutil.rmtree(stage, ignore_errors=True)
        key_problem = None
        try:
            open_vault(settings, engine)
        except DashtrayError as error:
            key_problem = str(error)
    accounts = sum(table.rows for table in tables if table.name == "accounts")
    return Restored(manifest["source"], manifest["made_at"], accounts, key_problem)


def _sync_tree(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        sync_to_disk(path)
