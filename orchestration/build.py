"""`build_definitions`: everything that Dagster loads, with seams for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dagster import (
    AssetKey,
    AssetsDefinition,
    Definitions,
    in_process_executor,
    with_source_code_references,
)

from connections.settings import Settings
from orchestration.account_checks import build_account_checks
from orchestration.account_events import ACCOUNT_SYNC
from orchestration.dbt_assets import build_dbt_assets
from orchestration.extract import payment_history
from orchestration.housekeeping import housekeeping_job, housekeeping_schedule
from orchestration.jobs import sync_job
from orchestration.published import build_published, published_copies
from orchestration.raw import build_raw
from orchestration.resources import Accounts, Warehouse
from orchestration.schedules import build_schedules
from orchestration.sensors import build_ended_run_sensors, health, sync_requests
from orchestration.verify import verify_job, weekly_verification
from orchestration.warehouse_lock import WAREHOUSE_POOL

MARTS_GROUP = "marts"


def build_definitions(home: Path | None = None, **resources: Any) -> Definitions:
    """Make a fresh set of definitions.

    Args:
        home: `DASHTRAY_HOME`; the environment's if None.
        **resources: Replacements of `accounts` and `warehouse`.

    Returns:
        Definitions of one code location.
    """
    settings = Settings.from_environment()
    dbt_models = build_dbt_assets(home or settings.home)
    # Into a lake several load at once, also beside a build.
    raw_stripe = build_raw(WAREHOUSE_POOL if settings.lake is None else None)
    published = build_published(_marts(dbt_models))
    return Definitions(
        assets=[
            *with_source_code_references(
                [payment_history, raw_stripe, published, published_copies]
            ),
            dbt_models,
            ACCOUNT_SYNC,
        ],
        asset_checks=build_account_checks(),
        jobs=[sync_job, verify_job, housekeeping_job],
        # Also for what is materialised from an asset's page: a process per step would start
        # Python, dlt and dbt again and again.
        executor=in_process_executor,
        schedules=[*build_schedules(), weekly_verification, housekeeping_schedule],
        sensors=[sync_requests, health, *build_ended_run_sensors()],
        resources={"accounts": Accounts(), "warehouse": Warehouse(), **resources},
    )


def _marts(dbt_models: AssetsDefinition) -> list[AssetKey]:
    return [spec.key for spec in dbt_models.specs if spec.group_name == MARTS_GROUP]
