"""How far the sync of one account is, from what is recorded about it: pure functions.

Postgres says where the account stands (asked for, taken by a run, published), the run's report
(`console.run_reports`) which step it is at and what it has read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from connections.models import (
    Account,
    AccountStatus,
    RequestKind,
    RequestStatus,
    SyncOutcome,
    SyncRequest,
    SyncRun,
)


class Stage(StrEnum):
    """Where a sync is, in the order in which it goes."""

    QUEUED = "queued"
    STARTING = "starting"
    READING = "reading"
    LOADING = "loading"
    BUILDING = "building"
    PUBLISHING = "publishing"
    DONE = "done"
    FAILED = "failed"
    """It did not work; `retry_at` says whether it is tried again."""


#: The stages that a person watches, with what each is.
STEPS: tuple[tuple[Stage, str, str], ...] = (
    (Stage.QUEUED, "Queued", "Waiting for the service to take it."),
    (Stage.STARTING, "Starting", "A process is made ready for the run."),
    (Stage.READING, "Reading Stripe", "Customers, subscriptions, invoices and payments."),
    (Stage.LOADING, "Loading", "The rows go into the warehouse."),
    (Stage.BUILDING, "Building the numbers", "The models are computed and tested."),
    (Stage.PUBLISHING, "Publishing", "The finished tables are put in place."),
)

#: The run report's phases as stages, in their order.
PHASES = {
    "extract": Stage.READING,
    "load": Stage.LOADING,
    "dbt": Stage.BUILDING,
    "publish": Stage.PUBLISHING,
}

_NEXT = {
    "extract": Stage.LOADING,
    "load": Stage.BUILDING,
    "dbt": Stage.PUBLISHING,
    "publish": Stage.PUBLISHING,
}


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """One list of Stripe's.

    Attributes:
        name: As Stripe calls it, in words.
        objects: Read so far.
        done: Whether it has been read to its end.
    """

    name: str
    objects: int
    done: bool


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """What a page shows of the sync that an account is in, or was in last.

    Attributes:
        stage: Where it is.
        first_import: Whether it is the account's first.
        streams: What is being read, largest first.
        objects: Over all streams.
        run_id: Dagster's run, once there is one.
        began_at: When reading began; before, when it was asked for. ISO 8601.
        attempt: The how manieth try it is.
        error: Why the last try failed.
        retry_at: When it is tried again. ISO 8601.
        reading_left: Seconds of reading, a founded guess; None = nothing to found one on.
        seconds_left: Until the numbers can be seen; likewise.
    """

    stage: Stage
    first_import: bool
    streams: tuple[StreamProgress, ...] = ()
    objects: int = 0
    run_id: str | None = None
    began_at: str | None = None
    attempt: int = 1
    error: str | None = None
    retry_at: str | None = None
    reading_left: int | None = None
    seconds_left: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be seen without somebody asking for it."""
        return self.stage is Stage.DONE or (self.stage is Stage.FAILED and not self.retry_at)

    def as_json(self) -> dict[str, Any]:
        """What a page's script is sent."""
        return asdict(self) | {"is_over": self.is_over}


def foremost(requests: Sequence[SyncRequest]) -> SyncRequest | None:
    """Of an account's open requests, the one that a person should look at."""
    order = (RequestStatus.RUNNING, RequestStatus.CLAIMED, RequestStatus.QUEUED)
    return min(
        requests,
        key=lambda each: (each.kind is not RequestKind.FIRST_IMPORT, order.index(each.status)),
        default=None,
    )


def progress_of(
    account: Account,
    request: SyncRequest | None,
    sync: SyncRun | None,
    report: dict[str, Any] | None,
    *,
    now: datetime,
) -> SyncProgress:
    """How far an account's sync is.

    Args:
        account: The account.
        request: What it waits for, if anything (`foremost`).
        sync: Its newest sync, finished or not.
        report: The report of that sync's run, if there is one.
        now: The present.
    """
    first = account.first_import_finished_at is None
    attempt = request.attempt if request is not None else 1
    if sync is not None and sync.finished_at is None:
        streams = _streams(report, account.account_id)
        return SyncProgress(
            stage=_stage(sync, report),
            first_import=first,
            streams=streams,
            objects=sum(stream.objects for stream in streams),
            run_id=sync.run_id,
            began_at=sync.started_at.isoformat(),
            attempt=attempt,
        )
    error = account.last_error if account.consecutive_failures else None
    if request is not None and account.status is AccountStatus.CONNECTED:
        waits = request.status is RequestStatus.QUEUED
        retry = request.not_before if waits and request.not_before > now else None
        stage = Stage.QUEUED if waits else Stage.STARTING
        return SyncProgress(
            stage=Stage.FAILED if retry else stage,
            first_import=first,
            run_id=sync.run_id if retry and sync is not None else None,
            began_at=request.requested_at.isoformat(),
            attempt=attempt,
            error=(request.error or error) if retry else None,
            retry_at=retry.isoformat() if retry else None,
        )
    return _ended(account, sync, report, first, error)


def _ended(
    account: Account,
    sync: SyncRun | None,
    report: dict[str, Any] | None,
    first: bool,
    error: str | None,
) -> SyncProgress:
    ran_well = sync is None or sync.outcome is SyncOutcome.OK
    done = not first and ran_well and account.status is AccountStatus.CONNECTED
    streams = _streams(report, account.account_id)
    return SyncProgress(
        stage=Stage.DONE if done else Stage.FAILED,
        first_import=first,
        streams=streams,
        objects=sum(stream.objects for stream in streams),
        run_id=None if sync is None else sync.run_id,
        began_at=None if sync is None else sync.started_at.isoformat(),
        error=None if done else error or account.last_error or f"The account is {account.status}.",
    )


def _stage(sync: SyncRun, report: dict[str, Any] | None) -> Stage:
    if report is not None:
        if report["phase"] in PHASES:
            return PHASES[report["phase"]]
        if report["phases"]:
            return _NEXT.get(report["phases"][-1]["name"], Stage.PUBLISHING)
    if sync.built_at is not None:
        return Stage.PUBLISHING
    return Stage.READING if sync.loaded_at is None else Stage.BUILDING


def _streams(report: dict[str, Any] | None, account_id: str) -> tuple[StreamProgress, ...]:
    read = (report or {}).get("streams", {}).get(account_id, {})
    past = bool(report and any(phase["name"] == "extract" for phase in report["phases"]))
    found = [
        StreamProgress(
            name=name.replace("_", " ").capitalize(),
            objects=state["objects"],
            done=past or state["phase"] == "done",
        )
        for name, state in read.items()
    ]
    return tuple(sorted(found, key=lambda stream: (-stream.objects, stream.name)))
