"""The second step of a sync: load packages into the warehouse's raw tables."""

from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    multi_asset,
)

from connections.sync_reports import syncs_of_run
from connections.syncs import record_loaded
from dlt_sources.stripe.streams import DATASET, STREAMS, SYNCS_TABLE
from orchestration.extract import EXTRACT_KEY, LOAD_STEP
from orchestration.naming import named
from orchestration.resources import Accounts, Warehouse
from orchestration.warehouse_lock import WAREHOUSE_POOL

#: dlt's own table, which the models join to leave out what a killed load left.
LOADS_TABLE = "_dlt_loads"
SYNCS_KEY = AssetKey([DATASET, SYNCS_TABLE])
FAILURES_CHECK = "no_account_failed"


def _specs() -> list[AssetSpec]:
    tables = {
        stream.name: (
            f"One row per reading of one Stripe `{stream.object_type}` object, as Stripe "
            f"sent it (`{stream.path}`)."
        )
        for stream in STREAMS
    }
    tables[SYNCS_TABLE] = (
        "One row per finished sync of one account: its cursor, and the moment by Stripe's "
        "clock that the account's numbers describe."
    )
    tables[LOADS_TABLE] = "One row per completed load; a table's row counts once its load is here."
    return [
        AssetSpec(
            key=[DATASET, table],
            deps=[AssetKey(EXTRACT_KEY)],
            group_name="raw",
            kinds={"dlt", "duckdb"},
            description=description,
        )
        for table, description in tables.items()
    ]


def build_raw(pool: str | None = WAREHOUSE_POOL) -> AssetsDefinition:
    """Make the asset definition of the raw tables.

    Args:
        pool: Which loads wait for each other; None = they do not, as with a lake.
    """

    @multi_asset(
        name=LOAD_STEP,
        specs=_specs(),
        check_specs=[
            AssetCheckSpec(
                FAILURES_CHECK,
                asset=SYNCS_KEY,
                description="Every account of the run could be read from Stripe.",
            )
        ],
        pool=pool,
    )
    def raw_stripe(
        context: AssetExecutionContext, accounts: Accounts, warehouse: Warehouse
    ) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
        """Load what the run extracted, and what earlier, killed runs left behind."""
        from dlt_sources.stripe import load_extraction

        report = warehouse.report(context.run_id)
        with accounts.engine() as engine:
            with report.phase("load"), warehouse.loading(context.log.info):
                loaded = load_extraction(warehouse.packages, warehouse=warehouse.location)
                record_loaded(engine, {context.run_id, *loaded.runs})
            syncs = syncs_of_run(engine, context.run_id)
        if loaded.runs and set(loaded.runs) != {context.run_id}:
            context.log.info(f"Loaded what these runs had left: {', '.join(loaded.runs)}")
        rows = {**loaded.rows, LOADS_TABLE: len(loaded.load_ids)}
        for spec in _specs():
            yield MaterializeResult(
                asset_key=spec.key, metadata={"rows_loaded": rows.get(spec.key.path[-1], 0)}
            )
        failed = {
            sync.account_id: sync.error or str(sync.outcome)
            for sync in syncs
            if sync.outcome is not None
        }
        yield AssetCheckResult(
            check_name=FAILURES_CHECK,
            asset_key=SYNCS_KEY,
            passed=not failed,
            # One account's trouble is its own; when most fail, the trouble is here or at Stripe.
            severity=(
                AssetCheckSeverity.ERROR
                if 2 * len(failed) > len(syncs)
                else AssetCheckSeverity.WARN
            ),
            description=f"{len(failed)} of {len(syncs)} accounts could not be read.",
            metadata=named(failed),
        )

    return raw_stripe
