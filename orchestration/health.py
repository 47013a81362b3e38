"""What is wrong now: by topic, each thing with one line for people.

The checks of `account_sync`, the alerts and the sensor that looks every minute all say what these
functions return. To watch one more thing, add one row to `TOPICS`.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from sqlalchemy.engine import Engine

from connections.accounts import list_accounts
from connections.due import late_accounts, next_attempt
from connections.models import AccountStatus
from connections.settings import Settings
from connections.verifications import last_verifications

#: Runs of one lane are judged by the last of them that ended in this time.
RECENT = timedelta(days=2)
LOW_DISK_BYTES = 2 * 2**30

_ENDED_BADLY = {DagsterRunStatus.FAILURE}
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]


@dataclass(frozen=True)
class Watch:
    """What the topics look at."""

    engine: Engine
    instance: DagsterInstance
    settings: Settings
    now: datetime


def late(watch: Watch) -> dict[str, str]:
    """Return the accounts whose numbers are older than their tier allows."""
    problems = {}
    for each in late_accounts(watch.engine, now=watch.now):
        account = each.account
        error = f": {account.last_error}" if account.last_error else ""
        problems[account.account_id] = (
            f"{account.account_id} ({account.tier}) has had no good sync for {_spell(each.age)}, "
            f"{_spell(each.limit)} are allowed{_next(each.next_attempt)}{error}"
        )
    return problems


def failing(watch: Watch) -> dict[str, str]:
    """Return the connected accounts whose last sync failed."""
    return {
        account.account_id: (
            f"{account.consecutive_failures} in a row{_next(next_attempt(account))}: "
            f"{account.last_error or 'no reason was given'}"
        )
        for account in list_accounts(watch.engine)
        if account.status is AccountStatus.CONNECTED and account.consecutive_failures
    }


def revoked(watch: Watch) -> dict[str, str]:
    """Return the accounts whose access is gone: withdrawn, or unreadable without a lost key."""
    return {
        account.account_id: (
            f"{account.account_id} ({account.tier}) is not synced any more until its owner "
            f"connects it again: {account.last_error or 'the access was withdrawn'}"
        )
        for account in list_accounts(watch.engine)
        if account.status is AccountStatus.REVOKED
    }


def failed_runs(watch: Watch) -> dict[str, str]:
    """Return the kinds of run whose last one failed as a whole."""
    records = watch.instance.get_run_records(
        RunsFilter(statuses=_ENDED, updated_after=watch.now - RECENT), limit=500
    )
    problems: dict[str, str] = {}
    judged = set()
    for record in records:  # newest first
        run = record.dagster_run
        lane = run.tags.get("dashtray/tier") or run.tags.get("dashtray/kind") or run.job_name
        if lane not in judged and run.status in _ENDED_BADLY:
            problems[lane] = (
                f"The last run of {lane} failed: {run.run_id}. See it in the Dagster UI."
            )
        judged.add(lane)
    return problems


def drifted(watch: Watch) -> dict[str, str]:
    """Return the accounts whose last comparison with Stripe's lists found differences."""
    return {
        account_id: (
            f"{account_id} differed from Stripe in {sweep.found} object(s), of which "
            f"{sweep.remaining} are not repaired. See: dashtray verify {account_id}"
        )
        for account_id, sweep in last_verifications(watch.engine).items()
        if sweep.found
    }


def disk(watch: Watch) -> dict[str, str]:
    """Return the home's file system if little is left on it."""
    free = shutil.disk_usage(watch.settings.home).free
    if free > LOW_DISK_BYTES:
        return {}
    return {"home": f"Only {free / 2**30:.1f} GiB are free under {watch.settings.home}."}


Topic = Callable[[Watch], dict[str, str]]

#: What alerts are sent about. `failing` is not among them: a sync that fails once mends itself,
#: and an account that goes on failing becomes late.
TOPICS: Mapping[str, Topic] = MappingProxyType(
    {
        "accounts late": late,
        "accounts revoked": revoked,
        "runs failed": failed_runs,
        "accounts drifted": drifted,
        "disk low": disk,
    }
)


def _next(instant: datetime | None) -> str:
    return f", next try {instant.astimezone(UTC):%H:%M} UTC" if instant else ""


def _spell(duration: timedelta) -> str:
    minutes = round(duration.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
