"""The values that pass between this package and its callers. Plain data, no behaviour.

Nothing here may hold a credential: `AccountTask.authorise` is a callable for that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from dlt_sources.stripe.pii import Treatment
from dlt_sources.stripe.stored import Stored

Mode = Literal["first_import", "incremental", "reimport"]
Status = Literal["ok", "failed", "revoked"]
Authorise = Callable[[], Mapping[str, str]]
Rejected = Callable[[Mapping[str, str]], bool]
IsRevocation = Callable[[int, str | None], bool]


@dataclass(frozen=True)
class Cursor:
    """Where the last completed sync of one account ended, as the warehouse knows it.

    Attributes:
        account_id: The Stripe account, `acct_…`.
        events_cursor: Unix seconds; every event created before it has been dealt with.
        started_at: T0 of that sync by Stripe's clock, UTC.
        history_start: Start of the imported payment history, UTC.
        seen_events: Ids of landed events recent enough to come again in the next poll's overlap.
        sizes: Distinct objects stored per state stream; lets the planner compare costs.
        known: Only for a cursor too old for the events feed: by stream, the objects that must be
            looked at even if no list has them any more (all of a state stream, the unsettled
            ones of a history stream).
    """

    account_id: str
    events_cursor: int
    started_at: datetime
    history_start: datetime
    seen_events: frozenset[str] = frozenset()
    sizes: Mapping[str, int] = field(default_factory=dict)
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)


class DriftKind(StrEnum):
    """How the warehouse differs from Stripe in one object."""

    MISSING = "missing"
    """Stripe has it, the warehouse does not."""
    GONE = "gone"
    """The warehouse has it, Stripe says that it is deleted."""
    CHANGED = "changed"
    """Both have it, with different contents."""


@dataclass(frozen=True)
class Difference:
    """One object that differs: its name and how, never what is in it.

    Attributes:
        id: Stripe's id.
        kind: How it differs.
        fields: Names of the outermost fields that differ, if it is `changed`.
    """

    id: str
    kind: DriftKind
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sweep:
    """The wish to compare an account's lists with the warehouse, beside reading its changes.

    Attributes:
        stored: What the warehouse holds.
        repair: Land what differs.
        most_requests: Requests that the comparison may cost, `None` for no limit; a part of the
            account is compared if they do not suffice for all of it.
        positions: `resume_at` of each stream's finding in the last sweep.
    """

    stored: Stored
    repair: bool = True
    most_requests: int | None = None
    positions: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class StreamFinding:
    """What a sweep found in one stream; counts are of objects.

    Attributes:
        stream: The stream.
        scope: Objects stored of it (of a history stream: since its history begins).
        equal: Stripe's reading says what the stored one says.
        missing: Not stored.
        gone: Stored, and deleted at Stripe.
        changed: Stored with another content.
        moving: Changed so recently that this sync, or the next, reads them anyway.
        unchecked: Stored, and not compared for want of requests.
        repaired: Differences that were landed.
        resume_at: Where the next sweep goes on (`created`, unix seconds; 0: at the beginning), or
            `None`: this one reached the end.
        named: The first differences.
    """

    stream: str
    scope: int
    equal: int
    missing: int
    gone: int
    changed: int
    moving: int
    unchecked: int
    repaired: int
    resume_at: int | None
    named: tuple[Difference, ...] = ()

    @property
    def compared(self) -> int:
        """Objects that were compared."""
        return self.equal + self.missing + self.gone + self.changed


@dataclass(frozen=True)
class AccountTask:
    """One account to read.

    Attributes:
        account_id: The Stripe account, `acct_…`; every row carries it.
        authorise: Returns the headers that authorise a call: `Authorization`, and
            `Stripe-Account` where a platform's key is used. Called before each request, so it
            should be cheap and refresh by itself.
        api_base: Scheme and host, such as `https://api.stripe.com`.
        cursor: `None` means first import; else changes since then.
        history_days: Complete UTC days of payment history that a first import reads, before
            today's. Ignored when `days` is given.
        days: First and last UTC day (inclusive) of payment history. With a cursor: these days are
            listed again, beside the changes. Without one: the first import starts at the first
            day and always reaches now, because a hole behind the cursor would never be filled.
        reporting_timezone: The operator's override, recorded with the sync; `None` if there is
            none.
        authorisation: An opaque name of the credential's origin, which changes when the account
            is connected anew: unfinished work of another authorisation is not gone on with.
        rejected: Told the headers that Stripe answered 401 to; returns whether `authorise` now
            gives better ones. By default one more try with whatever it gives.
        is_revocation: Told the status and Stripe's error code of a refusal that stands; returns
            whether access was withdrawn for good. By default a 401, and a 403 that says so.
        sweep: Compare everything, after the changes were read. Needs a cursor.
        pii: What becomes of personal data before anything is written; `None` keeps them.
    """

    account_id: str
    authorise: Authorise
    api_base: str = "https://api.stripe.com"
    cursor: Cursor | None = None
    history_days: int = 90
    days: tuple[date, date] | None = None
    reporting_timezone: str | None = None
    authorisation: str = ""
    rejected: Rejected | None = None
    is_revocation: IsRevocation | None = None
    sweep: Sweep | None = None
    pii: Treatment | None = None


@dataclass(frozen=True)
class Progress:
    """How far one stream of one account is.

    `phase` is `listing`, `completing` (nested lists, referenced objects), `changes` or `done`;
    `objects` counts what was read of this stream in this run so far; `share` says which part of its
    time has been read, where that can be told (`remaining`).
    """

    account_id: str
    stream: str
    phase: str
    objects: int
    share: float | None = None


@dataclass(frozen=True)
class AccountOutcome:
    """What became of one account in one extraction.

    Attributes:
        account_id: The Stripe account.
        status: `ok`, `failed` (try again later) or `revoked` (reconnecting is needed).
        mode: What was attempted.
        error: One line without secrets, `None` when `ok`.
        rows: Rows per stream that will be loaded; empty unless `ok`.
        requests: HTTP requests sent, retries included, and those of a killed try that was gone on
            with: the read ledger.
        seconds: Wall time from the first request to the last.
        started_at: T0 by Stripe's clock, UTC; `None` if no answer came.
        gap_recovered: The cursor was too old for the events feed, so lists were read again.
        findings: Of a sweep, by stream; empty if there was none (as after a recovery, which has
            read everything anyway).
        resumed: Unfinished work of an earlier try was gone on with.
        note: What became of unfinished work of an earlier try, `None` if there was none.
    """

    account_id: str
    status: Status
    mode: Mode
    error: str | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    seconds: float = 0.0
    started_at: datetime | None = None
    gap_recovered: bool = False
    findings: tuple[StreamFinding, ...] = ()
    resumed: bool = False
    note: str | None = None


@dataclass(frozen=True)
class Extraction:
    """The result of the network phase: a directory with dlt load packages ready to load.

    Attributes:
        run_id: The caller's id of the run.
        run_dir: Directory of this run under the work directory.
        outcomes: By account id.
        network_seconds: Wall time until the last account was read.
        package_seconds: Wall time of dlt's extract and normalise steps.
    """

    run_id: str
    run_dir: Path
    outcomes: Mapping[str, AccountOutcome]
    network_seconds: float = 0.0
    package_seconds: float = 0.0

    @property
    def ok(self) -> tuple[str, ...]:
        """Ids of the accounts whose rows are in the package."""
        return tuple(a for a, outcome in self.outcomes.items() if outcome.status == "ok")


@dataclass(frozen=True)
class LoadReport:
    """What a load wrote.

    Attributes:
        rows: Rows per table of the packages loaded now.
        load_ids: dlt load ids, completed (`_dlt_loads.status = 0`).
        runs: Ids of the runs loaded now; more than one if leftovers of killed runs were finished.
        discarded: Ids of runs that were killed before their package was complete; nothing of
            theirs is in the warehouse and their cursors have not moved.
        seconds: Wall time.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    load_ids: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    discarded: tuple[str, ...] = ()
    seconds: float = 0.0
