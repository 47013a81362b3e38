"""Raw objects stay as the load packed them, whoever opens the warehouse afterwards."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from dlt_sources.stripe.warehouse import ROW_GROUP, writing
from orchestration.backup import warehouse_counts
from orchestration.rewriting import rewritten
from orchestration.tidy_warehouse import blocks
from tests.dbt_project.building import dbt
from tests.dbt_project.landing import Load, land
from tests.dbt_project.objects import NOW, ago

PRODUCTS = 17_000


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """One load of two whole row groups of products, and one of a few."""
    path = tmp_path / "warehouse.duckdb"
    with writing(path) as connection:
        for read_at, first, last in ((ago(1), 0, 2 * ROW_GROUP), (NOW, 2 * ROW_GROUP, PRODUCTS)):
            products = [
                {"id": f"prod_{number}", "name": sha256(b"%d" % number).hexdigest() * 25}
                for number in range(first, last)
            ]
            land(connection, Load("acct_1", read_at, {"products": products}))
    return path


def packing(warehouse: Path) -> set[tuple[int, int, str]]:
    """The rows of each row group of products and how their objects are compressed."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return set(
            connection.execute(
                "select row_group_id, sum(count)::int, min(compression)"
                " from pragma_storage_info('raw_stripe.products')"
                " where column_name = 'object' and segment_type != 'VALIDITY'"
                " group by row_group_id"
            ).fetchall()
        )


def build(warehouse: Path) -> None:
    dbt(warehouse, "run", "--select", "stg_stripe__products")


def load(warehouse: Path) -> None:
    with writing(warehouse):
        pass


def rewrite(warehouse: Path) -> None:
    with rewritten(warehouse):
        pass


@pytest.mark.parametrize(
    "use", [build, blocks, warehouse_counts, rewrite, load], ids=lambda use: use.__name__
)
def test_objects_stay_packed(warehouse: Path, use: Callable[[Path], object]) -> None:
    packed = {
        (0, ROW_GROUP, "ZSTD"),
        (1, ROW_GROUP, "ZSTD"),
        (2, PRODUCTS - 2 * ROW_GROUP, "ZSTD"),
    }
    assert packing(warehouse) == packed
    # As a process leaves it that was killed: the next to open the file writes everything into it.
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("pragma disable_checkpoint_on_shutdown")
        connection.execute("create table left_over as select 1 as one")
    assert warehouse.with_name("warehouse.duckdb.wal").exists()
    use(warehouse)
    assert packing(warehouse) == packed
