"""Moving the warehouse file into a lake: what Stripe sent is copied and compared, then built anew.

Table after table, each in one transaction; a table that is in the lake already and equal is passed
over. The list of loads comes last, and nothing counts without it. The file is renamed at the very
end: killed at any moment it is still there, and doing it again ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from connections.errors import DashtrayError
from connections.postgres import open_database
from connections.service_lock import hold_service_lock
from connections.settings import Settings
from connections.sync_reports import unfinished_syncs
from connections.syncs import free_dead_syncs
from dlt_sources.stripe.lake import CATALOG
from dlt_sources.stripe.sql import literal
from dlt_sources.stripe.streams import DATASET
from dlt_sources.stripe.warehouse import writing
from orchestration.publish import sync_to_disk
from orchestration.warehouse import building, warehouse_of

#: What says which loads are complete.
LOADS = "_dlt_loads"

MOVED_SUFFIX = ".moved"


class MigrationRefused(DashtrayError):
    """The file must not be moved as things are. Nothing was changed."""


class MigrationFailed(DashtrayError):
    """The lake is not what the file is. The file is as it was."""


@dataclass(frozen=True)
class Moved:
    """A migration that is done.

    Attributes:
        tables: Rows by table of what Stripe sent.
        copied: Tables that were copied by this call; the others were there already.
        file: What the file is called now.
    """

    tables: dict[str, int]
    copied: tuple[str, ...]
    file: Path


def migrate_warehouse(on_step: Callable[[str], None] | None = None) -> Moved:
    """Move `warehouse.duckdb` of this home into the lake that the settings name.

    Args:
        on_step: Called with a sentence before each step.

    Raises:
        MigrationRefused: No lake is set, there is no file, the lake holds other data, or the
            service runs or a sync is going on.
        MigrationFailed: What was copied differs, or the models cannot be built.
        LakeOutOfReach: The lake cannot be opened.
    """
    say = on_step or (lambda step: None)
    settings = Settings.from_environment()
    file = settings.warehouse_path
    if settings.lake is None:
        raise MigrationRefused(
            "DASHTRAY_WAREHOUSE names no lake. Set it, for example to ducklake:postgres, first."
        )
    moved = file.with_name(f"{file.name}{MOVED_SUFFIX}")
    if not file.exists():
        already = f" It was moved before: see {moved}." if moved.exists() else ""
        raise MigrationRefused(f"There is no {file}, so there is nothing to move.{already}")
    with hold_service_lock(settings), building(settings, say):
        _require_idle(settings)
        tables, copied = _copy(settings, file, say)
        say("Building the models in the lake ...")
        _build(settings)
        file.rename(moved)
        sync_to_disk(file.parent)
    return Moved(tables, tuple(copied), moved)


def _require_idle(settings: Settings) -> None:
    with open_database(settings) as engine:
        free_dead_syncs(engine)
        if running := unfinished_syncs(engine):
            raise MigrationRefused(
                f"The run {running[0].run_id} is syncing. Wait for its end, then migrate again."
            )


def _copy(
    settings: Settings, file: Path, say: Callable[[str], None]
) -> tuple[dict[str, int], list[str]]:
    counts: dict[str, int] = {}
    copied = []
    with writing(warehouse_of(settings)) as connection:
        # Writable, so that what a killed load left in the file's log is taken over.
        connection.execute(f"attach {literal(file)} as file")
        names = _tables(connection, "file")
        there = _tables(connection, CATALOG)
        _require_ours(connection, file, there)
        connection.execute(f"create schema if not exists {DATASET}")
        for name in sorted(names, key=lambda each: (each == LOADS, each)):
            wanted = _content(connection, "file", name)
            if name not in there or _content(connection, CATALOG, name) != wanted:
                say(f"Copying {name}: {wanted[0]:,} rows ...")
                _copy_table(connection, name)
                copied.append(name)
                if _content(connection, CATALOG, name) != wanted:
                    raise MigrationFailed(
                        f"{name} in the lake does not equal the file's. {file} is as it was; "
                        "report this, and go on without DASHTRAY_WAREHOUSE."
                    )
            counts[name] = wanted[0]
        connection.execute("detach file")
    return counts, copied


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    return {
        name
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = ? and schema_name = ?",
            [database, DATASET],
        ).fetchall()
    }


def _require_ours(connection: duckdb.DuckDBPyConnection, file: Path, there: set[str]) -> None:
    """Refuse a lake that holds loads which the file does not."""
    if not there:
        return
    strange = connection.execute(
        f"select count(*) from {CATALOG}.{DATASET}.syncs where _dlt_load_id not in"  # noqa: S608
        f" (select load_id from file.{DATASET}.{LOADS})"
        if "syncs" in there
        else "select 0"
    ).fetchone()
    if strange and strange[0]:
        raise MigrationRefused(
            f"The lake holds {strange[0]} syncs that {file} does not know. Move the file into a "
            "lake of its own: another DASHTRAY_LAKE_DATA and another catalogue."
        )


def _copy_table(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    connection.begin()
    connection.execute(f'drop table if exists {CATALOG}.{DATASET}."{name}"')
    connection.execute(f'create table {CATALOG}.{DATASET}."{name}" as from file.{DATASET}."{name}"')
    connection.commit()


def _content(connection: duckdb.DuckDBPyConnection, database: str, name: str) -> tuple[int, int]:
    """Rows and a hash of all of them, whatever their order."""
    row = connection.execute(
        f"select count(*), coalesce(sum(hash(t)::hugeint), 0)"  # noqa: S608 - our own names
        f' from {database}.{DATASET}."{name}" as t'
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _build(settings: Settings) -> None:
    from orchestration.dbt_runner import DbtBuildFailed, build_models

    try:
        build_models(settings, "migration")
    except DbtBuildFailed as failure:
        raise MigrationFailed(
            f"All tables are in the lake, but the models cannot be built: {failure} "
            f"{settings.warehouse_path} is as it was. Mend that, and migrate again."
        ) from None
