"""The job `verify` and its schedule: every account is swept once a week, when little else runs.

A verification is a sync that compares everything besides, so it is the same assets: what it
repairs is loaded, built and published like any other reading (docs/decisions/0015).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    RunRequest,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
    schedule,
)

from connections.accounts import connected_accounts
from connections.models import Account, RequestKind
from orchestration.account_events import ACCOUNT_SYNC
from orchestration.jobs import sync_run_config, sync_run_tags
from orchestration.resources import Accounts
from orchestration.sweeps import SCHEDULED_PERCENT

VERIFY_JOB_NAME = "verify"

#: Later than every tier in Dagster's queue; smaller is earlier.
PRIORITY = 100

DAYS = 7

verify_job = define_asset_job(
    VERIFY_JOB_NAME,
    selection=AssetSelection.all() - AssetSelection.assets(ACCOUNT_SYNC.key),
    description=(
        "Sync accounts, and compare all of Stripe's lists with the warehouse: what no event told "
        "of is named, read again, built and published."
    ),
    executor_def=in_process_executor,
)


def weekday_of(account_id: str) -> int:
    """Return the day of the week on which an account is swept, 0 to 6: the same every week."""
    return zlib.crc32(account_id.encode()) % DAYS


def accounts_of_the_day(accounts: Sequence[Account], now: datetime) -> list[str]:
    """Return the accounts whose turn it is on the day of `now`, by id."""
    return [
        account.account_id
        for account in accounts
        if account.first_import_finished_at is not None
        and weekday_of(account.account_id) == now.weekday()
    ]


@schedule(
    cron_schedule="30 2 * * *",
    job=verify_job,
    default_status=DefaultScheduleStatus.RUNNING,
    execution_timezone="UTC",
    description=(
        "Compares a seventh of the connected accounts with Stripe's lists every night, each "
        f"account once a week, for at most {SCHEDULED_PERCENT} % of the reads that remain to it."
    ),
)
def weekly_verification(
    context: ScheduleEvaluationContext, accounts: Accounts
) -> Iterator[RunRequest | SkipReason]:
    """Ask for one run over the accounts of the day."""
    moment = context.scheduled_execution_time
    with accounts.engine() as engine:
        due = accounts_of_the_day(connected_accounts(engine), moment)
    if not due:
        yield SkipReason("It is no connected account's day.")
        return
    yield RunRequest(
        run_key=f"verify-{moment:%Y%m%d}",
        run_config=sync_run_config(due, RequestKind.VERIFY),
        tags=sync_run_tags(RequestKind.VERIFY, PRIORITY),
    )
