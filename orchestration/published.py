"""The last steps of a sync: publish the marts, say that the accounts are fresh, make the copies."""

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableRecord,
    TableSchema,
    multi_asset,
)

from connections.reads import record_transactions
from connections.syncs import record_published
from orchestration.account_events import show_accounts
from orchestration.copies import publish_copies
from orchestration.publish import PublishedTable, publish_marts
from orchestration.resources import Accounts, Warehouse
from orchestration.transactions import recent_transactions
from orchestration.warehouse_lock import WAREHOUSE_POOL


def build_published(mart_keys: list[AssetKey]) -> AssetsDefinition:
    """Make the asset of the published file.

    Args:
        mart_keys: Keys of the dbt marts, which it depends on.

    Returns:
        The asset definition.
    """

    @multi_asset(
        name="publish",
        specs=[
            AssetSpec(
                ["published", "marts"],
                deps=mart_keys,
                group_name="publish",
                kinds={"duckdb"},
                description=(
                    "`published/marts.duckdb`: the marts of all accounts, for BI tools and the "
                    "console. Replaced as a whole after each build by one atomic rename; a "
                    "program that keeps it open sees the old data until it connects again."
                ),
            )
        ],
        pool=WAREHOUSE_POOL,
    )
    def published_marts(
        context: AssetExecutionContext, accounts: Accounts, warehouse: Warehouse
    ) -> MaterializeResult[None]:
        """Publish the marts, then mark the accounts as fresh."""
        report = warehouse.report(context.run_id)
        with accounts.engine() as engine:
            with report.phase("publish"), warehouse.building(context.log.info):
                tables = publish_marts(warehouse.location, warehouse.published, context.run_id)
                # Only now, and before anybody else may build: an account is fresh when its
                # numbers can be seen.
                fresh = record_published(engine)
            record_transactions(
                engine,
                recent_transactions(warehouse.published, {sync.account_id for sync in fresh}),
            )
            show_accounts(context, engine, fresh)
        return MaterializeResult(
            metadata={
                "accounts": len(fresh),
                "file": MetadataValue.path(str(warehouse.published / "marts.duckdb")),
                "tables": _as_table(tables),
            }
        )

    return published_marts


@multi_asset(
    name="publish_copies",
    specs=[
        AssetSpec(
            ["published", "copies"],
            deps=[AssetKey(["published", "marts"])],
            group_name="publish",
            kinds={"duckdb", "parquet"},
            description=(
                "`published/accounts/<account_id>/`, each with that account's rows alone, and a "
                "Parquet file per mart beside each DuckDB file: what `DASHTRAY_PUBLISH` says. Only "
                "what has changed is written, from the published marts, while others may use the "
                "warehouse."
            ),
        )
    ],
)
def published_copies(
    context: AssetExecutionContext, accounts: Accounts, warehouse: Warehouse
) -> MaterializeResult[None]:
    """Bring the copies to the state of the published marts."""
    with warehouse.report(context.run_id).phase("copies"):
        copied = publish_copies(
            warehouse.published, accounts.settings().publish, on_wait=context.log.info
        )
    return MaterializeResult(
        metadata={
            "accounts_written": copied.accounts,
            "accounts_removed": copied.removed,
            "parquet_marts_written": copied.marts,
        }
    )


def _as_table(tables: list[PublishedTable]) -> MetadataValue:
    return MetadataValue.table(
        records=[TableRecord({"table": table.name, "rows": table.rows}) for table in tables],
        schema=TableSchema([TableColumn("table", "string"), TableColumn("rows", "int")]),
    )
