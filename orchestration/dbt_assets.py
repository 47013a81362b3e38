"""The dbt models as Dagster assets, their tests as asset checks.

What dbt's nodes are called and how they look in the UI is said here; how dbt is run is in
`dbt_runner.py`.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetExecutionContext,
    AssetsDefinition,
    MetadataValue,
    Output,
)
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from connections.syncs import record_built
from dlt_sources.stripe.warehouse import count_rows, reading
from orchestration.dbt_manifest import DBT_PROJECT_DIR, load_manifest_json, prepared_target
from orchestration.dbt_runner import DbtBuildFailed
from orchestration.resources import Accounts, Warehouse
from orchestration.warehouse_lock import WAREHOUSE_POOL


class LayerTranslator(DagsterDbtTranslator):
    """Groups each model by its layer: staging, intermediate or marts."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the folder under `models/` that the node lies in."""
        fully_qualified_name: list[str] = dbt_resource_props["fqn"]
        if dbt_resource_props["resource_type"] == "seed":
            return "seeds"
        return fully_qualified_name[1] if len(fully_qualified_name) > 2 else None


TRANSLATOR = LayerTranslator(
    settings=DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_code_references=True)
)


def build_dbt_assets(home: Path, project_dir: Path = DBT_PROJECT_DIR) -> AssetsDefinition:
    """Make the asset definition of the whole dbt project.

    Args:
        home: `DASHTRAY_HOME`, where the prepared manifest lives.
        project_dir: The dbt project's folder.

    Returns:
        One multi-asset with an asset per model and a check per test.
    """
    target = prepared_target(home, project_dir)
    manifest = load_manifest_json(target)
    project = DbtProject(
        project_dir=project_dir, profiles_dir=project_dir, target_path=target.resolve()
    )

    @dbt_assets(
        manifest=manifest,
        name="dbt_models",
        project=project,
        dagster_dbt_translator=TRANSLATOR,
        pool=WAREHOUSE_POOL,
    )
    def dbt_models(
        context: AssetExecutionContext, accounts: Accounts, warehouse: Warehouse
    ) -> Iterator[Output[None] | AssetCheckResult]:
        """Build every model and run every test in one dbt invocation."""
        finished: list[dict[str, Any]] = []
        failure: DbtBuildFailed | None = None
        report = warehouse.report(context.run_id)
        with (
            accounts.engine() as engine,
            report.phase("dbt"),
            warehouse.scratch(context.run_id) as scratch,
            warehouse.building(context.log.info),
        ):
            began = datetime.now(UTC)
            try:
                for event in warehouse.dbt_build().events(warehouse.location, scratch):
                    if event["info"]["level"] in {"warn", "error"}:
                        context.log.warning(event["info"]["msg"])
                    finished.append(event)
            except DbtBuildFailed as error:
                failure = error
            else:
                record_built(engine, loaded_before=began)
            with reading(warehouse.location) as connection:
                rows = count_rows(connection)
        for event in finished:
            message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
            for dagster_event in message.to_default_asset_events(
                manifest, TRANSLATOR, context, project=project
            ):
                if not _is_wanted(context, dagster_event):
                    continue
                if isinstance(dagster_event, Output):
                    context.add_output_metadata(
                        _table_metadata(manifest, message, rows), dagster_event.output_name
                    )
                yield dagster_event  # type: ignore[misc]
        if failure:
            raise failure

    return dbt_models


def _is_wanted(context: AssetExecutionContext, event: object) -> bool:
    """Whether a run that is about some of the models only may speak of this one.

    All of them are built nevertheless: a build of what has not changed is short, and a backfill
    begun in the UI asks for the models without parents in a run of their own.
    """
    if isinstance(event, Output):
        return event.output_name in context.selected_output_names
    if isinstance(event, AssetCheckResult) and event.asset_key and event.check_name:
        key = AssetCheckKey(event.asset_key, event.check_name)
        return key in context.selected_asset_check_keys
    return True


def _table_metadata(
    manifest: Mapping[str, Any],
    message: DbtCoreCliEventMessage,
    rows: Mapping[tuple[str, str], int],
) -> dict[str, MetadataValue[Any] | int]:
    node = manifest["nodes"][message.raw_event["data"]["node_info"]["unique_id"]]
    count = rows.get((node["schema"], node["alias"]))
    return {} if count is None else {"dagster/row_count": count}
