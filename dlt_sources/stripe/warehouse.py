"""DuckDB as this project's loads want it: small row groups of compressed JSON, little memory.

How the warehouse file is opened for writing belongs here. dlt opens a DuckDB file by its path, and
the two options that decide about size and memory exist only when a file is attached; so the file is
attached to a connection of ours, and every name that dlt writes carries the catalogue's name.
`docs/decisions/0014` has the measurements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

CATALOG = "warehouse"

ROW_GROUP = 8192
"""Rows that DuckDB gathers before it compresses and writes them: 30 MB of whole Stripe objects,
where its default of 122,880 is half a gigabyte."""

STORAGE_VERSION = "v1.2.0"
"""The first that compresses text with zstd. An older file is lifted to it by the next load."""

MEMORY = 256 * 1024 * 1024
"""Bytes of DuckDB's memory for a load of objects of usual size."""

HELD_SHARE = 0.7
"""Of a row group's bytes, how much DuckDB holds when it commits; measured, 0.3 to 0.6."""

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    # One file is decoded at a time; more threads hold more row groups and are hardly faster.
    "threads": "1",
    # JSON of one kind of object repeats its keys: zstd makes it many times smaller, and writing
    # less costs less than compressing. Left alone, DuckDB would store it as it is.
    "force_compression": "zstd",
}


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
def attached(warehouse: Path, memory: int = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the file for a load; the caller holds the writer lock.

    Args:
        warehouse: The file.
        memory: Bytes that DuckDB may use; what exceeds them waits in a directory beside the file.
    """
    path = str(warehouse).replace("'", "''")
    limits = {
        "memory_limit": f"{memory // 1024}KiB",
        "temp_directory": str(warehouse.with_name(f"{warehouse.name}.tmp")),
    }
    with duckdb.connect(config=SETTINGS | limits) as connection:
        connection.execute(
            f"attach '{path}' as {CATALOG}"
            f" (row_group_size {ROW_GROUP}, storage_version '{STORAGE_VERSION}')"
        )
        connection.execute(f"use {CATALOG}")
        yield connection


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
