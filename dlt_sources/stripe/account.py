"""One sync of one account, from T0 to the row that says it is complete.

The order is what keeps changes from being lost: T0 by Stripe's clock first, then lists and
objects, then the sync's row with cursor T0 - 60 s, in the same package as the data.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from dlt_sources.stripe.changes import EVENTS, Poll, refetch
from dlt_sources.stripe.client import Client, Reply, Retries
from dlt_sources.stripe.errors import (
    AccountRevoked,
    PermissionMissing,
    StripeReadError,
    redact,
)
from dlt_sources.stripe.events import LAG, OVERLAP, is_deletion, needs_recovery, touched_by
from dlt_sources.stripe.first_import import DAY, history_start, import_lists, import_parts
from dlt_sources.stripe.journal import FORMAT, Checkpoint, Journal, Part
from dlt_sources.stripe.landing import AccountLanding, MemoryBudget
from dlt_sources.stripe.models import (
    AccountOutcome,
    AccountTask,
    Cursor,
    Mode,
    Progress,
    Status,
    StreamFinding,
    Sweep,
)
from dlt_sources.stripe.reader import AccountReader, parts_of
from dlt_sources.stripe.references import References, embedded_since, every_reference
from dlt_sources.stripe.rows import sync_row, utc
from dlt_sources.stripe.streams import BY_NAME, STREAMS, STRIPE_VERSION, Kind
from dlt_sources.stripe.tasks import TaskGroup
from dlt_sources.stripe.transport import Pools
from dlt_sources.stripe.verify import sweep_account
from dlt_sources.stripe.windows import Window

log = logging.getLogger(__name__)

RECOVERY_DAYS = 30
"""Days before a gap from which payment history is read again: what was open then may have
changed during it."""

RECOVERY_MOST = 90
"""Days of payment history that a recovery reads at most."""


@dataclass(frozen=True)
class Shared:
    """What all accounts of a run share.

    `directory` holds the journals of unfinished accounts; `checkpoint_seconds` is how much reading
    a kill may cost.
    """

    run_id: str
    directory: Path
    pools: Pools
    executor: Executor
    budget: MemoryBudget
    report: Callable[[Progress], None]
    retries: Retries
    checkpoint_seconds: float


@dataclass(frozen=True)
class AccountResult:
    """An outcome, and the rows if it is `ok`."""

    outcome: AccountOutcome
    landing: AccountLanding | None = None
    sync: pa.Table | None = None


def mode_of(task: AccountTask) -> Mode:
    """Return what a sync of `task` is."""
    if task.cursor is None:
        return "first_import"
    return "incremental" if task.days is None else "reimport"


def identity_of(task: AccountTask) -> dict[str, Any]:
    """Return what unfinished work must have been asked to be what `task` asks.

    The streams are part of it: a version of this program that reads them otherwise starts afresh.
    """
    return {
        "account": task.account_id,
        "server": task.api_base,
        "authorisation": task.authorisation,
        "pii": task.pii.policy if task.pii else None,
        "API version": STRIPE_VERSION,
        "format of files": FORMAT,
        "table of streams": hashlib.sha256(repr(STREAMS).encode()).hexdigest(),
        "mode": mode_of(task),
        "history": task.history_days,
        "days": [day.isoformat() for day in task.days or ()],
        "cursor": None if task.cursor is None else task.cursor.events_cursor,
    }


def unix(day: date) -> int:
    """Return the start of a UTC day in unix seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def extended_history(cursor_start: int, first: int, last: int) -> int:
    """Return where history starts after days `first` to `last` were read again.

    It moves back only if those days touch what is there already: history has no holes.
    """
    return first if first < cursor_start <= last + DAY else cursor_start


def sync_account(task: AccountTask, shared: Shared) -> AccountResult:
    """Read one account; every failure becomes its outcome and touches no other account."""
    began = time.monotonic()
    sync: _Sync | None = None
    status: Status = "failed"
    try:
        sync = _Sync(task, shared)
        table = sync.run()
    except AccountRevoked as revoked:
        status, error = "revoked", str(revoked)
    except StripeReadError as failure:
        error = str(failure)
    except Exception as unexpected:
        # A defect, or a caller's `authorise` that failed: this account's, not the run's.
        error = redact(f"{type(unexpected).__name__}: {unexpected}")
        log.warning("account %s failed: %s", task.account_id, error)
    else:
        return AccountResult(
            sync.outcome("ok", None, time.monotonic() - began), sync.landing, table
        )
    seconds = time.monotonic() - began
    if sync is None:
        outcome = AccountOutcome(task.account_id, status, mode_of(task), error, seconds=seconds)
    else:
        sync.keep(discard=status == "revoked")
        outcome = sync.outcome(status, error, seconds)
    return AccountResult(outcome)


class _Sync:
    """The state of one account while it is read."""

    def __init__(self, task: AccountTask, shared: Shared) -> None:
        self.task = task
        self.shared = shared
        self.now: int | None = None
        self.gap_recovered = False
        self.findings: tuple[StreamFinding, ...] = ()
        self.earlier: Checkpoint | None = None
        self.note: str | None = None
        self.resumed = False
        self.carried = 0
        cursor = task.cursor
        wants: Callable[[Any], bool] = every_reference
        if cursor is not None:
            wants = embedded_since(cursor.events_cursor - OVERLAP)
        references = References(wants)
        journal = Journal(shared.directory / task.account_id)
        self.landing = AccountLanding(
            task.account_id,
            journal,
            budget=shared.budget,
            references=references,
            checkpoint_seconds=shared.checkpoint_seconds,
        )
        self.client = Client(
            shared.pools.pool_for(task.api_base),
            api_base=task.api_base,
            authorise=task.authorise,
            rejected=task.rejected,
            withdrawn=task.is_revocation,
            retries=shared.retries,
            treat=task.pii,
        )
        self.reader = AccountReader(
            task.account_id,
            self.client,
            TaskGroup(shared.executor, self.client.limiter, on_failure=self.client.stop),
            self.landing,
            self.landing,
            shared.report,
        )
        self.references = references
        self.earlier, self.note = journal.restore(identity_of(task), time.time())
        if self.earlier is not None:
            self.now = self.earlier.now
            self.resumed = True
            self.carried = self.earlier.requests
            self.note = f"went on from {sum(self.earlier.counts.values())} rows read before"
            self.landing.begin(self.earlier, self._requests)

    def _requests(self) -> int:
        return self.client.requests

    def keep(self, *, discard: bool) -> None:
        """End a sync that failed: what it has read stays to go on from, unless it is of no use."""
        try:
            if discard:
                self.landing.discard()
            else:
                self.landing.give_up()
        except (OSError, StripeReadError) as failure:
            log.warning("account %s: its work could not be kept: %s", self.task.account_id, failure)

    def _go_on(self, start: int, parts: list[Part], landed: set[str]) -> Checkpoint:
        """Return where the lists are, which from now on is written with the rows."""
        if self.earlier is None:
            assert self.now is not None  # noqa: S101 - T0 is taken before any list
            self.earlier = Checkpoint(
                task=identity_of(self.task),
                began=int(time.time()),
                now=self.now,
                start=start,
                landed=frozenset(landed),
                left=tuple(parts),
            )
            self.landing.begin(self.earlier, self._requests)
        return self.earlier

    def run(self) -> pa.Table:
        """Read what the task asks for and return the sync's row."""
        cursor = self.task.cursor
        start = self._first_import() if cursor is None else self._changes(cursor)
        assert self.now is not None  # noqa: S101 - both ways begin by taking T0
        if self.task.sweep is not None and cursor is not None and not self.gap_recovered:
            self.findings = self._sweep(self.task.sweep, start, self.now)
        self.landing.finish()
        self._report_done()
        earlier = 0 if cursor is None else cursor.events_cursor
        return sync_row(
            {
                "account_id": self.task.account_id,
                "sync_id": f"{self.shared.run_id}/{self.task.account_id}",
                "mode": mode_of(self.task),
                "started_at": utc(self.now).replace(tzinfo=None),
                "events_cursor": max(earlier, self.now - LAG),
                "history_start": utc(start).replace(tzinfo=None),
                "reporting_timezone": self.task.reporting_timezone,
                "pii": self.task.pii.policy if self.task.pii else None,
                "gap_recovered": self.gap_recovered,
                "requests": self.requests,
                "objects": sum(self.landing.counts.values()),
                "read_order": time.time_ns(),
            }
        )

    def _take_account(self) -> None:
        """Read the account itself; apps may lack the permission, then UTC and no name must do."""
        stream = BY_NAME["accounts"]
        try:
            reply = self.client.get(stream.path)
        except PermissionMissing:
            return
        self._take_time(reply)
        if reply.data.get("id") != self.task.account_id:
            raise StripeReadError(
                f"the credential opens account {reply.data.get('id')}, not"
                f" {self.task.account_id}: connect that account again"
            )
        self.reader.receive(stream, [reply.data], reply)

    def _take_time(self, reply: Reply) -> int:
        """Take T0 from the first answer of all: only what was true before it is covered."""
        if self.now is None:
            self.now = reply.date
        return self.now

    @property
    def requests(self) -> int:
        """Requests that this outcome tells of: also those of a try that was killed."""
        return self.client.requests + self.carried

    def _first_import(self) -> int:
        if self.earlier is None:
            self._take_account()
            now = self.now or self._take_time(self.client.get(EVENTS.path, [("limit", "1")]))
            if self.task.days is not None:
                start = unix(self.task.days[0])
            else:
                start = history_start(now, self.task.history_days)
            self._go_on(start, import_parts(now=now, start=start), set())
        assert self.earlier is not None  # noqa: S101 - `_go_on` has set it
        import_lists(self.reader, self.earlier.left, landed=self.earlier.landed)
        return self.earlier.start

    def _changes(self, cursor: Cursor) -> int:
        poll = Poll(self.reader, cursor, self.earlier.landed if self.earlier else frozenset())
        first = poll.first_page(poll.since)
        now = self._take_time(first)
        if now // DAY != int(cursor.started_at.timestamp()) // DAY:
            # Settings change without an event that we could see: look once a day.
            self._take_account()
        start = int(cursor.history_start.timestamp())
        if needs_recovery(cursor.events_cursor, now):
            self._recover(cursor, now)
            return start
        poll.read_on(first, since=poll.since, now=now)
        if self.task.days is not None:
            start = self._list_days(self.task.days, start, now, poll.landed)
        refetch(self.reader, poll.changes, since=poll.since, now=now, sizes=cursor.sizes)
        return start

    def _recover(self, cursor: Cursor, now: int) -> None:
        """Import again by lists: a gap this long may have holes in the feed."""
        self.gap_recovered = True
        self.references.follow_all()
        gap = -(-(now - cursor.events_cursor) // DAY)
        said = f"gap recovered: the last sync was {gap} days ago, so all lists were read again"
        self.note = said if self.note is None else f"{said}; {self.note}"

        def want_deleted(event: dict[str, Any]) -> None:
            if is_deletion(event):
                for touched in touched_by(event):
                    self.landing.want(touched.stream, [touched.id])

        for name, ids in cursor.known.items():
            self.landing.want(name, ids)
        start = history_start(now, min(RECOVERY_MOST, gap + RECOVERY_DAYS))
        checkpoint = self._go_on(start, import_parts(now=now, start=start), set())
        import_lists(
            self.reader,
            checkpoint.left,
            landed=checkpoint.landed | cursor.seen_events,
            on_event=want_deleted,
        )

    def _list_days(self, days: tuple[date, date], start: int, now: int, landed: set[str]) -> int:
        first, last = unix(days[0]), unix(days[1])
        older = first < start
        if older:
            # What these payments name was not looked for when history began later: customers
            # that were deleted since, inline prices of lines.
            self.references.follow_all()
        parts: list[Part] = []
        for stream in STREAMS:
            if stream.kind is Kind.HISTORY:
                parts += parts_of(stream, Window(first, min(last + DAY, now + 1)))
            elif stream.kind is Kind.STATE and older:
                # Cheaper than asking for each object that a payment names.
                parts += parts_of(stream, Window(0, now + 1))
        import_lists(self.reader, self._go_on(start, parts, landed).left, landed=frozenset())
        return extended_history(start, first, last)

    def _sweep(self, sweep: Sweep, start: int, now: int) -> tuple[StreamFinding, ...]:
        journal = Journal(self.shared.directory / f"{self.task.account_id}.suspects")
        # What a killed sweep left is of no use to another.
        journal.restore({}, time.time())
        suspects = AccountLanding(
            self.task.account_id,
            journal,
            budget=self.shared.budget,
            references=References(lambda value: False),
        )
        try:
            return sweep_account(self.reader, sweep, suspects, start=start, now=now)
        finally:
            suspects.discard()

    def _report_done(self) -> None:
        for stream, count in self.landing.counts.items():
            self.shared.report(Progress(self.task.account_id, stream, "done", count))

    def outcome(self, status: Status, error: str | None, seconds: float) -> AccountOutcome:
        """Return the outcome with what is known by now."""
        return AccountOutcome(
            account_id=self.task.account_id,
            status=status,
            mode=mode_of(self.task),
            error=error,
            rows=dict(self.landing.counts) if status == "ok" else {},
            requests=self.requests,
            seconds=seconds,
            started_at=None if self.now is None else utc(self.now),
            gap_recovered=self.gap_recovered,
            findings=self.findings if status == "ok" else (),
            resumed=self.resumed,
            note=self.note,
        )
