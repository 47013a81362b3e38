"""How DuckDB plans to compute each model and test.

Belongs here: whether the work may grow with the square of the data. Not here: how long it takes
(`benchmarks.marts`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

# Joins that look at all pairs of rows.
QUADRATIC = {"BLOCKWISE_NL_JOIN", "NESTED_LOOP_JOIN", "CROSS_PRODUCT", "IE_JOIN"}


def quadratic_joins(warehouse: Path) -> dict[str, list[str]]:
    """Return the joins of all pairs of rows by model or test, as the last build compiled them.

    Args:
        warehouse: A warehouse that `building.dbt` built.
    """
    found = {}
    compiled = warehouse.parent / "target" / "compiled" / "dashtray_stripe"
    files = sorted([*(compiled / "models").rglob("*.sql"), *(compiled / "tests").rglob("*.sql")])
    assert len(files) > 100
    with duckdb.connect(str(warehouse)) as connection:
        for file in files:
            [(_, plan)] = connection.execute(
                f"explain (format json) {file.read_text(encoding='utf-8')}"
            ).fetchall()
            if named := list(_joins(json.loads(plan))):
                found[file.stem] = named
    return found


def _joins(plan: Any) -> Iterator[str]:
    for node in plan if isinstance(plan, list) else [plan]:
        if node["name"].strip() in QUADRATIC:
            yield node["name"].strip()
        yield from _joins(node["children"])
