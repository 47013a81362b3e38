"""What MetricFlow answers is what the marts say."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import get_adapter_by_type
from dbt_metricflow.cli.dbt_connectors.adapter_backed_client import AdapterBackedSqlClient
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from stripe_simulator.ledger import default_history_start
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import build_world
from tests.dbt_project.building import dbt, rows
from tests.dbt_project.landing import land
from tests.dbt_project.proving import NOW, START
from tests.dbt_project.worlds import Reader

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three accounts of several currencies."""
    file = tmp_path_factory.mktemp("semantic") / "warehouse.duckdb"
    store = ObjectStore()
    world = build_world("many-accounts", 3, START, NOW, store)
    with duckdb.connect(str(file)) as connection:
        for account in world.accounts[:3]:
            reader = Reader(world, store, account.id, default_history_start(NOW))
            land(connection, reader.load())
    dbt(file, "build")
    return file


@pytest.fixture(scope="module")
def engine(warehouse: Path) -> Iterator[MetricFlowEngine]:
    """MetricFlow over the connection that dbt's adapter makes, which keeps its file locked."""
    folder = warehouse.parent / "asked"
    folder.mkdir()
    asked = Path(shutil.copy(warehouse, folder / warehouse.name))
    dbt(asked, "parse")
    manifest = (asked.parent / "target" / "semantic_manifest.json").read_text()
    lookup = SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(manifest))
    try:
        yield MetricFlowEngine(lookup, AdapterBackedSqlClient(get_adapter_by_type("duckdb")))
    finally:
        DuckDBConnectionManager.close_all_connections()


def answer(
    engine: MetricFlowEngine, metrics: list[str], group_by: list[str]
) -> set[tuple[Any, ...]]:
    """Ask for metrics; the rows as tuples, the groups first."""
    request = MetricFlowQueryRequest.create(metric_names=metrics, group_by_names=group_by)
    table = engine.query(request).result_df
    assert table is not None
    places = [table.column_names.index(name) for name in (*group_by, *metrics)]
    return {tuple(row[place] for place in places) for row in table.rows}


def expected(warehouse: Path, query: str) -> set[tuple[Any, ...]]:
    return set(map(tuple, (row.values() for row in rows(warehouse, query))))


def test_states_are_read_at_the_close_and_flows_are_added(
    engine: MetricFlowEngine, warehouse: Path
) -> None:
    """Of a month, for each account and currency, MRR is its last day's and revenue its sum."""
    months = answer(
        engine,
        ["mrr", "arr", "active_subscribers", "net_revenue"],
        ["account", "account_day__currency", "metric_time__month"],
    )

    assert len(months) > 6
    assert months == expected(
        warehouse,
        """select account_id, currency, month::timestamp, mrr, arr, active_subscribers, net_revenue
        from marts.metrics_monthly""",
    )


def test_days_are_the_marts_days(engine: MetricFlowEngine, warehouse: Path) -> None:
    days = answer(
        engine, ["mrr", "failed_payments"], ["account", "account_day__currency", "metric_time__day"]
    )

    assert days == expected(
        warehouse,
        """select account_id, currency, day::timestamp, mrr, failed_payments
        from marts.metrics_daily""",
    )


def test_facts_answer_as_the_days_do(engine: MetricFlowEngine, warehouse: Path) -> None:
    """Movements of MRR by kind, from the facts, are the columns of the days."""
    moved = answer(
        engine, ["mrr_change"], ["account", "mrr_movement__currency", "mrr_movement__movement"]
    )
    kinds = ("new", "reactivation", "expansion", "contraction", "churn")
    columns = " union all ".join(
        f"""select account_id, currency, '{kind}', sum(mrr_{kind}) as moved
        from marts.metrics_daily group by all having sum(mrr_{kind}) != 0"""
        for kind in kinds
    )

    assert {row for row in moved if row[3]} == expected(warehouse, columns)
