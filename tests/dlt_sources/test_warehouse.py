"""Loads into the warehouse file: memory follows the size of objects, not their number."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlt_sources.stripe import warehouse
from dlt_sources.stripe.source import BYTES_PER_TABLE, join_small

LARGE = 60_000
"""Bytes of an invoice with a hundred lines."""


def invoices(path: Path, count: int, size: int) -> Path:
    """Write a package's file with so many objects, in tables as the source makes them."""
    small = [pa.table({"id": [f"in_{n}"], "object": [f'"{n:0{size}}"']}) for n in range(count)]
    with pq.ParquetWriter(path, small[0].schema) as writer:
        for table in join_small(small, small[0].schema):
            assert table.nbytes < BYTES_PER_TABLE + 2 * size
            writer.write_table(table)
    return path


@pytest.mark.parametrize(("count", "size"), [(2_500, LARGE), (20_000, 1_000)])
def test_large_objects_have_the_memory_that_their_row_group_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, size: int
) -> None:
    monkeypatch.setattr(warehouse, "MEMORY", 48 * 1024 * 1024)
    file = invoices(tmp_path / "invoices.parquet", count, size)
    memory = warehouse.memory_for([file])
    with warehouse.attached(tmp_path / "warehouse.duckdb", memory) as connection:
        connection.execute("create table invoices (id varchar, object json)")
        connection.execute(f"insert into invoices select * from read_parquet('{file}')")
        stored = connection.execute("select count(*), sum(length(object)) from invoices").fetchone()
    assert stored == (count, count * (size + 2))


def test_small_objects_need_no_more_than_usual(tmp_path: Path) -> None:
    file = invoices(tmp_path / "charges.parquet", 1_000, 4_000)
    assert warehouse.memory_for([file]) == warehouse.MEMORY
