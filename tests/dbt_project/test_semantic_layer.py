"""MetricFlow answers with the numbers of the marts: every metric that `_metrics.yml` declares.

Belongs here: questions by metric and group, and the same questions in SQL. Not here: whether the
marts are right.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import get_adapter_by_type
from dbt_metricflow.cli.dbt_connectors.adapter_backed_client import AdapterBackedSqlClient
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from stripe_simulator.ledger import default_history_start
from tests.dbt_project.building import PROJECT, dbt, rows, written_by_parse
from tests.dbt_project.proving import NOW, Walk
from tests.dbt_project.worlds_drawn import drawn

pytestmark = pytest.mark.e2e

Answer = dict[tuple[Any, ...], tuple[Any, ...]]
METRICS_FILE = PROJECT / "models" / "marts" / "_metrics.yml"
DAYS = ("account", "account_day__currency")
# Read at the last day of a period, and summed over it.
STATES = ("mrr", "arr", "mrr_net", "active_subscriptions", "active_subscribers")
FLOWS = ("gross_revenue", "net_revenue", "refunds", "failed_payments", "new_subscriptions")
# Metrics over facts: the groups, the mart, its columns by which to group, each metric in SQL.
OVER_FACTS = {
    "mrr_movement": (
        ("account", "mrr_movement__currency", "mrr_movement__movement"),
        "fct_mrr_movements",
        ("account_id", "currency", "movement"),
        {"mrr_change": "sum(mrr_change)"},
    ),
    "payment": (
        ("account", "payment__currency"),
        "fct_payments",
        ("account_id", "currency"),
        {
            "payment_count": "count(*)",
            "succeeded_payments": "count(*) filter (where outcome = 'succeeded')",
            "decided_payments": "count(*) filter (where outcome in ('succeeded', 'failed'))",
        },
    ),
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Accounts of two random worlds."""
    file = tmp_path_factory.mktemp("semantic") / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        for number in (1, 2):
            Walk(drawn(number), default_history_start(NOW)).read(connection, 0)
    dbt(file, "run")
    return file


@pytest.fixture(scope="module")
def engine(warehouse: Path) -> Iterator[MetricFlowEngine]:
    """MetricFlow over the connection that dbt's adapter makes, which keeps its file locked."""
    folder = warehouse.parent / "asked"
    folder.mkdir()
    asked = Path(shutil.copy(warehouse, folder / warehouse.name))
    manifest = (written_by_parse(asked) / "semantic_manifest.json").read_text(encoding="utf-8")
    lookup = SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(manifest))
    try:
        yield MetricFlowEngine(lookup, AdapterBackedSqlClient(get_adapter_by_type("duckdb")))
    finally:
        DuckDBConnectionManager.close_all_connections()


def answer(engine: MetricFlowEngine, metrics: Sequence[str], groups: Sequence[str]) -> Answer:
    """Ask for metrics by groups; a day as a date.

    MetricFlow hands decimals over as floats, whose shortest text is the decimal again.
    """
    request = MetricFlowQueryRequest.create(metric_names=metrics, group_by_names=groups)
    table = engine.query(request).result_df
    assert table is not None
    names = list(table.column_names)

    def picked(row: Sequence[Any], wanted: Sequence[str]) -> tuple[Any, ...]:
        values = [row[names.index(name)] for name in wanted]
        return tuple(map(plain, values))

    return {picked(row, groups): picked(row, metrics) for row in table.rows}


def plain(value: Any) -> Any:
    """Return a day as a date and a float as the decimal that it was."""
    if isinstance(value, float):
        return Decimal(str(value))
    return value.date() if isinstance(value, dt.datetime) else value


def in_sql(warehouse: Path, keys: Sequence[str], values: Sequence[str], of: str) -> Answer:
    """The same question to the marts."""
    query = f"select {', '.join([*keys, *values])} from marts.{of}"
    found = [tuple(row.values()) for row in rows(warehouse, query)]
    return {row[: len(keys)]: row[len(keys) :] for row in found}


def test_every_declared_metric_is_asked_here() -> None:
    """The tables above leave none out but the ratio, which has a test of its own."""
    declared = {each["name"] for each in yaml.safe_load(METRICS_FILE.read_text())["metrics"]}
    over_facts = {name for _, _, _, metrics in OVER_FACTS.values() for name in metrics}
    assert declared == {*STATES, *FLOWS, *over_facts, "payment_success_rate"}


def test_days_are_the_days_of_the_mart(engine: MetricFlowEngine, warehouse: Path) -> None:
    metrics = (*STATES, *FLOWS)
    found = answer(engine, metrics, (*DAYS, "metric_time__day"))
    expected = in_sql(warehouse, ("account_id", "currency", "day"), metrics, "metrics_daily")
    assert len(found) > 180
    assert found == expected


def test_months_read_states_at_their_end_and_sum_flows(
    engine: MetricFlowEngine, warehouse: Path
) -> None:
    metrics = (*STATES, *FLOWS)
    found = answer(engine, metrics, (*DAYS, "metric_time__month"))
    expected = in_sql(warehouse, ("account_id", "currency", "month"), metrics, "metrics_monthly")
    assert len(found) >= 8
    assert found == expected


@pytest.mark.parametrize("entity", OVER_FACTS)
def test_metrics_over_facts(entity: str, engine: MetricFlowEngine, warehouse: Path) -> None:
    groups, mart, keys, metrics = OVER_FACTS[entity]
    found = answer(engine, tuple(metrics), groups)
    expected = in_sql(warehouse, keys, tuple(metrics.values()), f"{mart} group by all")
    assert len(found) >= 2
    assert found == expected


def test_the_success_rate_is_that_of_the_counts(engine: MetricFlowEngine, warehouse: Path) -> None:
    """A ratio in floating point, beside the mart's exact one of each month."""
    groups = ("account", "payment__currency", "metric_time__month")
    found = answer(engine, ("payment_success_rate",), groups)
    keys = ("account_id", "currency", "month")
    expected = in_sql(warehouse, keys, ("payment_success_rate",), "metrics_monthly")
    known = {key: value for key, (value,) in expected.items() if value is not None}
    assert len(known) >= 6
    assert {
        key: round(Decimal(value), 6) for key, (value,) in found.items() if value is not None
    } == known
