"""The code location as Dagster loads it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import AssetKey, Definitions

from dlt_sources.stripe.streams import DATASET, STREAMS, SYNCS_TABLE
from orchestration.build import build_definitions
from orchestration.dbt_manifest import DBT_PROJECT_DIR
from orchestration.extract import EXTRACT_STEP
from orchestration.jobs import SYNC_JOB_NAME

pytestmark = pytest.mark.e2e

#: What `docs/metrics.md` §8 to §10 promise to people.
MARTS = {
    "dim_accounts",
    "dim_customers",
    "dim_prices",
    "dim_products",
    "fct_disputes",
    "fct_invoices",
    "fct_mrr_movement_items",
    "fct_mrr_movements",
    "fct_mrr_movements_reporting",
    "fct_payment_attempts",
    "fct_payments",
    "fct_refunds",
    "fct_revenue_lines",
    "fct_subscription_item_spans",
    "fct_subscriptions",
    "fct_trials",
    "metrics_daily",
    "metrics_daily_reporting",
    "metrics_monthly",
    "rpt_cohort_retention",
    "rpt_plan_mix",
    "rpt_revenue_by_country",
    "rpt_revenue_by_product",
    "rpt_top_customers",
}


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Definitions]:
    home: Path = tmp_path_factory.mktemp("home")
    yield build_definitions(home)
    assert {path.name for path in home.iterdir()} == {"dbt"}, "loading opened more than dbt"


def test_each_stream_is_an_asset_that_the_models_are_built_from(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()

    for table in (*(stream.name for stream in STREAMS), SYNCS_TABLE):
        node = graph.get(AssetKey([DATASET, table]))
        assert node.parent_keys == {AssetKey(["stripe", "payment_history"])}
    staging = graph.get(AssetKey(["staging", "stg_stripe__charges"]))
    assert AssetKey([DATASET, "charges"]) in staging.parent_keys


def test_every_promised_mart_is_published(definitions: Definitions) -> None:
    published = definitions.resolve_asset_graph().get(AssetKey(["published", "marts"]))

    assert {key.path[-1] for key in published.parent_keys} >= MARTS


def test_only_days_and_accounts_are_partitions(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    partitioned = {key for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned}

    assert partitioned == {AssetKey(["stripe", "payment_history"]), AssetKey("account_sync")}


def test_every_asset_says_what_it_is_and_where_it_comes_from(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]

    assert [node.key for node in nodes if not node.group_name] == []
    assert [node.key for node in nodes if not node.kinds] == []
    assert [node.key for node in nodes if not node.description] == []
    made = [node for node in nodes if node.is_materializable]
    assert [node.key for node in made if "dagster/code_references" not in node.metadata] == []


def test_the_partitioned_step_is_not_the_last_of_the_alphabet(definitions: Definitions) -> None:
    """Or every asset of a first import is announced once per day (see `EXTRACT_STEP`)."""
    steps = [node.name for node in definitions.resolve_job_def(SYNC_JOB_NAME).graph.nodes]

    assert EXTRACT_STEP in steps
    assert max(steps) != EXTRACT_STEP


def test_dbt_tests_are_asset_checks(definitions: Definitions) -> None:
    checks = definitions.resolve_asset_graph().asset_check_keys

    assert {key.asset_key.path[-1] for key in checks} >= MARTS - {"rpt_cohort_retention"}


def test_no_dbt_test_is_only_an_observation(definitions: Definitions) -> None:
    """A test over several models is a check of the one that its `meta` names."""
    checks = definitions.resolve_asset_graph().asset_check_keys
    tests = {path.stem: path.read_text() for path in (DBT_PROJECT_DIR / "tests").glob("*.sql")}

    assert len(tests) >= 5
    assert set(tests) - {key.name for key in checks} == set()
