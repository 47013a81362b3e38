"""The one place that opens the warehouse, for reading and for writing, whatever it is.

It is a DuckDB file or a lake; nobody else asks which. Either is attached to a connection of ours
under one name and made the current database. How loads want DuckDB is here too: small row groups of
compressed JSON, little memory (`docs/decisions/0014` has the measurements). dlt opens a file by its
path, and the options for that exist only when a file is attached, so every name that dlt writes
carries the catalogue's name.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import duckdb
import pyarrow.parquet as pq
from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.schema import Schema
from dlt.destinations.impl.duckdb.configuration import (
    DuckDbClientConfiguration,
    DuckDbCredentials,
)
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.destinations.impl.duckdb.factory import duckdb as duckdb_destination
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

from dlt_sources.stripe.lake import CATALOG, Lake
from dlt_sources.stripe.sql import literal

Warehouse: TypeAlias = Path | Lake
"""Where the data are: a DuckDB file, or a lake."""

ROW_GROUP = 8192
"""Rows that DuckDB gathers before it compresses and writes them: 30 MB of whole Stripe objects,
where its default of 122,880 is half a gigabyte."""

STORAGE_VERSION = "v1.2.0"
"""The first that compresses text with zstd. An older file is lifted to it by the next load."""

MEMORY = 256 * 1024 * 1024
"""Bytes of DuckDB's memory for a load of objects of usual size."""

HELD_SHARE = 0.7
"""Of a row group's bytes, how much DuckDB holds when it commits; measured, 0.3 to 0.6."""

ATTEMPTS = 6
"""How often a change is tried that others' changes of a lake are in the way of."""

T = TypeVar("T")

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    # One file is decoded at a time; more threads hold more row groups and are hardly faster.
    "threads": "1",
    # JSON of one kind of object repeats its keys: zstd makes it many times smaller, and writing
    # less costs less than compressing. Left alone, DuckDB would store it as it is.
    "force_compression": "zstd",
}

AS_IT_IS: dict[str, str | bool | int | float | list[str]] = {"max_vacuum_tasks": 0}
"""For whoever opens the file for another purpose than a load: otherwise the next checkpoint gathers
the small row groups of all tables into large ones, and stores their objects unpacked."""


def memory_for(files: Iterable[Path]) -> int:
    """Return the bytes of memory that a load of these Parquet files needs.

    A row group is in memory as a whole, so invoices of 150 kB (with hundreds of lines) need more
    than others do.
    """
    largest = 0.0
    for file in files:
        metadata = pq.read_metadata(file)
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            largest = max(largest, group.total_byte_size / max(1, group.num_rows))
    return max(MEMORY, int(HELD_SHARE * ROW_GROUP * largest))


@contextmanager
def reading(
    warehouse: Warehouse, *, memory: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an existing warehouse to read it. Others may write to a lake between two statements.

    Args:
        warehouse: Which; the caller holds the lock of a file.
        memory: Bytes that DuckDB may use; its own default if not given.

    Raises:
        LakeUnusable: The lake cannot be opened.
    """
    config: dict[str, Any] = {"memory_limit": _bytes(memory)} if memory else {}
    if isinstance(warehouse, Path):
        with duckdb.connect(config=config) as connection:
            connection.execute(f"attach {literal(warehouse)} as {CATALOG} (read_only)")
            connection.execute(f"use {CATALOG}")
            yield connection
        return
    with warehouse.serving(), duckdb.connect(config=config) as connection:
        warehouse.attach(connection, read_only=True)
        connection.execute(f"use {CATALOG}")
        yield connection


@contextmanager
def writing(
    warehouse: Warehouse, *, memory: int = MEMORY, alone: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse to change it; made if it is not there. Statements commit by themselves.

    Args:
        warehouse: Which; the caller holds the lock of a file.
        memory: Bytes that DuckDB may use; what exceeds them waits in a directory beside the file.
        alone: Whether no other writer of a lake may be at work; of a file nobody is.

    Raises:
        LakeUnusable: The lake cannot be opened.
    """
    config = {**SETTINGS, "memory_limit": _bytes(memory)}
    if isinstance(warehouse, Path):
        config["temp_directory"] = str(warehouse.with_name(f"{warehouse.name}.tmp"))
        warehouse.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(config=config) as connection:
            connection.execute(
                f"attach {literal(warehouse)} as {CATALOG}"
                f" (row_group_size {ROW_GROUP}, storage_version '{STORAGE_VERSION}')"
            )
            connection.execute(f"use {CATALOG}")
            yield connection
        return
    # A lake has no row groups to gather; a file that is attached beside it stays as it is.
    config |= AS_IT_IS
    config["temp_directory"] = tempfile.gettempdir()
    with warehouse.writers(alone=alone), duckdb.connect(config=config) as connection:
        warehouse.attach(connection)
        connection.execute(f"use {CATALOG}")
        yield connection


def tried_again(change: Callable[[], T], on_conflict: type[Exception] = duckdb.Error) -> T:
    """Make a change; while another's change of a lake is in its way, some times again.

    Args:
        change: What is whole or not at all, and may be done again.
        on_conflict: What it raises then; anything else, and the last conflict, is passed on.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return change()
        except on_conflict as error:
            if not is_conflict(error):
                raise
        # Out of step with whom it met.
        time.sleep(random.uniform(0, attempt))  # noqa: S311 - no secret
    return change()


def is_conflict(error: BaseException) -> bool:
    """Whether a change of a lake failed because another's came between: again it may succeed."""
    seen: BaseException | None = error
    while seen is not None:
        if any(word in str(seen) for word in _CONFLICT_WORDS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Schema and name of each table of an opened warehouse, in alphabetical order."""
    return connection.execute(
        "select schema_name, table_name from duckdb_tables()"
        " where database_name = current_database() order by all"
    ).fetchall()


def count_rows(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """Rows of each table by schema and name; DuckDB knows them without reading the data."""
    return {
        (schema, name): len(connection.table(f'{CATALOG}."{schema}"."{name}"'))
        for schema, name in tables(connection)
    }


def _bytes(memory: int) -> str:
    return f"{memory // 1024}KiB"


_CONFLICT_WORDS = (
    "Transaction conflict",
    "Failed to commit DuckLake transaction",
    "could not serialize access",
    "deadlock detected",
)


class WarehouseSqlClient(DuckDbSqlClient):
    """Names tables with their catalogue: what `use` chose does not reach dlt's own cursors."""

    def catalog_name(self, quote: bool = True, casefold: bool = True) -> str | None:
        """Return the name under which `attached` attaches the file."""
        return CATALOG


class WarehouseClient(DuckDbClient):
    """dlt's DuckDB client with those names."""

    def __init__(
        self,
        schema: Schema,
        config: DuckDbClientConfiguration,
        capabilities: DestinationCapabilitiesContext,
    ) -> None:
        super().__init__(schema, config, capabilities)
        dataset, staging = self.create_dataset_names(schema, config)
        self.sql_client = WarehouseSqlClient(dataset, staging, config.credentials, capabilities)


class warehouse_destination(duckdb_destination):  # noqa: N801 - dlt names destinations so
    """The destination to load into an `attached` warehouse."""

    @property
    def client_class(self) -> type[DuckDbClient]:
        """The client that names the catalogue."""
        return WarehouseClient


def destination(connection: duckdb.DuckDBPyConnection | None = None) -> Destination[Any, Any]:
    """Return the destination that writes through `connection`.

    Without one it only says what it can do, which is all that making a package needs.
    """
    credentials = DuckDbCredentials(":memory:" if connection is None else connection)
    return warehouse_destination(credentials, destination_name="duckdb")
