"""Taking a backup: the warehouse and our tables of Postgres, as of one moment.

The moment is inside the warehouse lock, where a snapshot of Postgres is taken before the
warehouse is copied. So whatever Postgres says was synced is in the warehouse, whose cursors
describe the data beside them (docs/decisions/0005, 0023).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

import duckdb
from sqlalchemy import text

from connections.dump import (
    DumpedTable,
    dump_table,
    dumped_revision,
    needed_key_ids,
    tables_to_dump,
)
from connections.errors import DashtrayError
from connections.postgres import open_database
from connections.settings import Settings
from dlt_sources.stripe.warehouse import AS_IT_IS
from orchestration.backup_file import OPERATORS_FILES, WAREHOUSE_MEMBER, BackupWriter
from orchestration.warehouse import require_file
from orchestration.warehouse_lock import warehouse_lock

BACK_UP_A_LAKE = (
    "Back up the catalogue's database with pg_dump, and then the data: turn on the bucket's "
    "versioning, or copy the directory of DASHTRAY_LAKE_DATA (see docs/deploying.md)."
)

_PREFIX, _SUFFIX = "dashtray-", ".tar"
_PARTIAL = ".partial"


class BackupRefused(DashtrayError):
    """The backup cannot be written there."""


@dataclass(frozen=True)
class Taken:
    """A backup that was taken.

    Attributes:
        path: The file.
        size: Its bytes.
        warehouse_rows: Rows of the warehouse's raw tables.
        accounts: Number of accounts.
        key_ids: Encryption keys without which its credentials cannot be read.
        locked_seconds: How long syncs had to wait for it.
        removed: Older backups that were removed.
    """

    path: Path
    size: int
    warehouse_rows: int
    accounts: int
    key_ids: tuple[str, ...]
    locked_seconds: float
    removed: tuple[Path, ...]


def take_backup(
    target: Path, keep: int | None = None, on_wait: Callable[[str], None] | None = None
) -> Taken:
    """Write a backup, also while the service runs.

    Killed at any moment it leaves no file of the backup's name.

    Args:
        target: The file to make, or an existing directory for a file named after the time.
        keep: Of the backups in that directory the newest so many stay.
        on_wait: Called with a sentence if a sync holds the warehouse.

    Raises:
        BackupRefused: The file exists, or its directory does not or is full.
        NotWithALake: There is a lake.
    """
    settings = Settings.from_environment()
    require_file(settings, "A backup", BACK_UP_A_LAKE)
    directory = target if target.is_dir() else target.parent
    path = target / _name() if target.is_dir() else target
    if path.exists():
        raise BackupRefused(f"{path} exists already. Name another file, or a directory.")
    if keep is not None and not (target.is_dir() and keep > 0):
        raise BackupRefused("--keep needs a directory as its target, and at least 1.")
    if not directory.is_dir():
        raise BackupRefused(f"There is no directory {directory}. Make it first.")
    _require_space(settings, directory)
    remove_partial(directory)
    try:
        with _aside(path) as file:
            taken = _write(settings, file, on_wait)
    except OSError as error:
        raise BackupRefused(f"{path} cannot be written: {error.strerror or error}.") from None
    removed = _remove_old(directory, keep) if keep else ()
    return Taken(path, path.stat().st_size, *taken, removed=removed)


def backups_in(directory: Path) -> list[Path]:
    """The backups of a directory, newest first by their names."""
    return sorted(directory.glob(f"{_PREFIX}*{_SUFFIX}"), reverse=True)


def remove_partial(directory: Path) -> None:
    """Remove what killed backups left in a directory; those still being written stay."""
    for path in directory.glob(f".*{_PARTIAL}"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            path.unlink(missing_ok=True)


def warehouse_counts(warehouse: Path) -> dict[str, int]:
    """Rows of each table by `schema.name`; writes everything into the one file first.

    The caller holds the warehouse lock.
    """
    with duckdb.connect(str(warehouse), config=AS_IT_IS) as connection:
        connection.execute("checkpoint")
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() order by all"
        ).fetchall()
        return {
            f"{schema}.{name}": len(connection.table(f'"{schema}"."{name}"'))
            for schema, name in tables
        }


def _write(
    settings: Settings, file: IO[bytes], on_wait: Callable[[str], None] | None
) -> tuple[int, int, tuple[str, ...], float]:
    writer = BackupWriter(file)
    counts: dict[str, int] | None = None
    with open_database(settings) as engine:
        snapshot = engine.connect().execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with snapshot as connection:
            with warehouse_lock(settings.warehouse_lock_path, on_wait):
                began = datetime.now(UTC)
                # The first statement takes the snapshot that the whole transaction reads.
                connection.execute(text("SELECT 1"))
                if settings.warehouse_path.exists():
                    counts = warehouse_counts(settings.warehouse_path)
                    with settings.warehouse_path.open("rb") as source:
                        size = settings.warehouse_path.stat().st_size
                        writer.add(WAREHOUSE_MEMBER, source, size)
                for name in OPERATORS_FILES:
                    if (file_at_home := settings.home / name).exists():
                        with file_at_home.open("rb") as source:
                            writer.add(name, source, file_at_home.stat().st_size)
            locked_seconds = (datetime.now(UTC) - began).total_seconds()
            tables = []
            for name, columns in tables_to_dump():
                with tempfile.TemporaryFile() as rows:
                    tables.append(dump_table(connection, name, columns, rows))
                    size = rows.tell()
                    rows.seek(0)
                    writer.add(f"postgres/{name}.copy", rows, size)
            key_ids = needed_key_ids(connection)
            revision = dumped_revision(connection)
    writer.finish(
        {
            "made_at": began.isoformat(),
            "versions": {
                "dashtray": version("dashtray-stripe"),
                "duckdb": duckdb.__version__,
                "python": sys.version.split()[0],
            },
            "schema_revision": revision,
            "key_ids": key_ids,
            "tables": [table.as_json() for table in tables],
            "warehouse": counts,
        }
    )
    raw = sum(rows for name, rows in (counts or {}).items() if name.startswith("raw_stripe."))
    return raw, _rows_of(tables, "accounts"), tuple(key_ids), locked_seconds


def _rows_of(tables: list[DumpedTable], name: str) -> int:
    return sum(table.rows for table in tables if table.name == name)


def _name() -> str:
    return f"{_PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%S}Z{_SUFFIX}"


def _require_space(settings: Settings, directory: Path) -> None:
    warehouse = settings.warehouse_path
    needed = warehouse.stat().st_size if warehouse.exists() else 0
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise BackupRefused(
            f"{directory} has {free / 2**30:.1f} GiB free, and the warehouse alone needs "
            f"{needed / 2**30:.1f} GiB. Choose another directory or make room."
        )


@contextmanager
def _aside(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name only when it is whole and on the disk."""
    aside = path.with_name(f".{path.name}{_PARTIAL}")
    descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w+b") as file:
        # Held by the kernel as long as this process lives: `remove_partial` asks for it.
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_old(directory: Path, keep: int) -> tuple[Path, ...]:
    old = tuple(backups_in(directory)[keep:])
    for path in old:
        path.unlink(missing_ok=True)
    return old
