"""The last step of a sync: publish the marts and say that the accounts are fresh."""

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableRecord,
    TableSchema,
    multi_asset,
)

from connections.models import SyncOutcome
from connections.syncs import record_outcome, syncs_of_run
from orchestration.partitions import ACCOUNTS
from orchestration.publish import PublishedTable, publish_marts
from orchestration.resources import Accounts, Warehouse
from orchestration.warehouse_lock import WAREHOUSE_POOL

ACCOUNT_SYNC = AssetSpec(
    key="account_sync",
    partitions_def=ACCOUNTS,
    group_name="health",
    kinds={"stripe"},
    description="One partition per connected account: its last successful sync.",
)


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
        with report.phase("publish"), warehouse.locked(context.log.info):
            tables = publish_marts(warehouse.file, warehouse.published, context.run_id)
        _mark_accounts(context, accounts)
        return MaterializeResult(
            metadata={
                "file": MetadataValue.path(str(warehouse.published / "marts.duckdb")),
                "tables": _as_table(tables),
            }
        )

    return published_marts


def _mark_accounts(context: AssetExecutionContext, accounts: Accounts) -> None:
    """Record success only now: an account is fresh when its numbers can be seen."""
    with accounts.engine() as engine:
        for sync in syncs_of_run(engine, context.run_id):
            if sync.outcome is not None:
                continue
            record_outcome(engine, context.run_id, sync.account_id, SyncOutcome.OK)
            context.instance.add_dynamic_partitions(ACCOUNTS.name or "", [sync.account_id])
            context.log_event(
                AssetMaterialization(
                    asset_key=ACCOUNT_SYNC.key,
                    partition=sync.account_id,
                    metadata={"kind": str(sync.kind), "began": sync.started_at.isoformat()},
                )
            )


def _as_table(tables: list[PublishedTable]) -> MetadataValue:
    return MetadataValue.table(
        records=[TableRecord({"table": table.name, "rows": table.rows}) for table in tables],
        schema=TableSchema([TableColumn("table", "string"), TableColumn("rows", "int")]),
    )
