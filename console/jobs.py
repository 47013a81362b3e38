"""Asking Dagster for a run in this process, and watching it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from connections.models import RequestKind
from connections.settings import Settings
from console import dagster_home
from console.run_reports import read_report

_POLL_SECONDS = 0.25

#: Called with the run's report while it grows; see `orchestration.run_report` for its keys.
Watch = Callable[[dict[str, Any]], None]


def find_job(name: str) -> Callable[..., Any]:
    """The function that another package offers the command line under this name."""
    (found,) = entry_points(group="dashtray.jobs", name=name)
    function: Callable[..., Any] = found.load()
    return function


@dataclass(frozen=True)
class HereResult:
    """How a run in this process ended."""

    run_id: str
    success: bool
    error: str | None
    report: dict[str, Any]


def sync_here(
    settings: Settings,
    database_url: str,
    account_ids: Sequence[str],
    kind: RequestKind,
    *,
    claim_id: str | None = None,
    watch: Watch | None = None,
) -> HereResult:
    """Run the sync job in this process, as the service would run it.

    Args:
        settings: The deployment's settings.
        database_url: SQLAlchemy URL of the running Postgres server.
        account_ids: Accounts to sync.
        kind: Why, which also says how much is read.
        claim_id: The batch of requests that the run serves.
        watch: Called with the run's growing report, on another thread.

    Returns:
        The outcome; a failed run does not raise.
    """
    return _here(
        settings,
        database_url,
        "sync",
        lambda job, run_id: job(run_id, account_ids, kind, claim_id),
        watch,
    )


def verify_here(
    settings: Settings,
    database_url: str,
    account_ids: Sequence[str],
    *,
    repair: bool,
    watch: Watch | None = None,
) -> HereResult:
    """Run the job `verify` in this process, as the service would run it.

    Args:
        settings: The deployment's settings.
        database_url: SQLAlchemy URL of the running Postgres server.
        account_ids: Accounts to compare with Stripe.
        repair: Whether to land what differs.
        watch: Called with the run's growing report, on another thread.

    Returns:
        The outcome; a failed run does not raise.
    """
    return _here(
        settings,
        database_url,
        "verify",
        lambda job, run_id: job(run_id, account_ids, repair=repair),
        watch,
    )


def _here(
    settings: Settings,
    database_url: str,
    name: str,
    start: Callable[[Callable[..., Any], str], Any],
    watch: Watch | None,
) -> HereResult:
    dagster_home.apply(dagster_home.dagster_environment(settings, database_url))
    run_id = str(uuid.uuid4())
    finished = threading.Event()
    watcher = threading.Thread(
        target=_follow, args=(settings, run_id, finished, watch), daemon=True
    )
    if watch:
        watcher.start()
    try:
        outcome = start(find_job(name), run_id)
    finally:
        finished.set()
        if watch:
            watcher.join()
    return HereResult(run_id, outcome.success, outcome.error, read_report(settings, run_id) or {})


def _follow(settings: Settings, run_id: str, finished: threading.Event, watch: Watch) -> None:
    while not finished.wait(_POLL_SECONDS):
        if content := read_report(settings, run_id):
            watch(content)
