"""Rows wait in memory up to a budget and then in files, and all of them come out."""

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_sources.stripe.journal import Journal
from dlt_sources.stripe.landing import ROWS_PER_TABLE, AccountLanding, MemoryBudget
from dlt_sources.stripe.rows import OBJECT_SCHEMA, Rows
from dlt_sources.stripe.source import join_small

MEGABYTE = 1024 * 1024


def obj(i: int, size: int = 0) -> dict[str, Any]:
    return {"id": f"ch_{i}", "object": "charge", "created": i, "pad": "x" * size}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.lists(json_values, max_size=20))
def test_objects_come_out_as_they_went_in(values: list[Any]) -> None:
    rows = Rows()
    objects = [{"id": f"ch_{i}", "value": value} for i, value in enumerate(values)]
    for each in objects:
        rows.append(dict(each), 5, 6)
    table = rows.to_table("acct_1")
    table.validate(full=True)
    assert table.schema == OBJECT_SCHEMA
    assert [orjson.loads(text) for text in table["object"].to_pylist()] == objects


@pytest.mark.parametrize("limit", [MEGABYTE, 64 * MEGABYTE])
def test_memory_stays_within_the_budget_and_no_row_is_lost(tmp_path: Path, limit: int) -> None:
    budget = MemoryBudget(limit)
    landings = [
        AccountLanding(f"acct_{n}", Journal(tmp_path / str(n)), budget=budget) for n in range(3)
    ]
    page = [obj(i, 10_000) for i in range(100)]
    for landing in landings:
        for _ in range(5):
            landing.add("charges", page, 1, 1)
            assert budget.used <= limit + 3 * 2 * MEGABYTE
        landing.finish()
    assert budget.used <= max(limit // 2, 3 * 5 * MEGABYTE)
    for landing in landings:
        assert landing.counts == {"charges": 500}
        rows = [row for table in landing.tables("charges") for row in table["id"].to_pylist()]
        assert sorted(rows) == sorted(each["id"] for each in page * 5)
    assert any(tmp_path.rglob("*.arrow")) is (limit == MEGABYTE)


def test_tables_are_bounded(tmp_path: Path) -> None:
    landing = AccountLanding("acct_1", Journal(tmp_path), budget=MemoryBudget(64 * MEGABYTE))
    for start in range(0, 3 * ROWS_PER_TABLE, 100):
        landing.add("charges", [obj(i) for i in range(start, start + 100)], 1, 1)
    assert max(table.num_rows for table in landing.tables("charges")) <= ROWS_PER_TABLE + 100


def test_small_tables_are_joined_and_an_empty_stream_still_has_a_table() -> None:
    small = pa.table({"n": [1, 2]})
    joined = list(join_small([small] * 5, small.schema))
    assert [table.num_rows for table in joined] == [10]
    assert [table.num_rows for table in join_small([], small.schema)] == [0]
