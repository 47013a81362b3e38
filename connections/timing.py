"""When a sync is due, and how long failures wait: pure functions of instants."""

from datetime import UTC, datetime, timedelta

MAX_BACKOFF = timedelta(hours=24)
FIRST_RETRY = timedelta(minutes=1)
MAX_RETRY = timedelta(hours=6)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_due(
    *, cadence: timedelta, last_attempt: datetime | None, failures: int
) -> datetime | None:
    """The beginning of the time slot in which an account should be synced next; None = at once.

    Time is cut into slots of `cadence` since 1970 (UTC), as the schedules are; an account is synced
    once per slot, however long the last sync took. After n failures in a row it waits 2ⁿ⁻¹ slots,
    at most `MAX_BACKOFF`.
    """
    if last_attempt is None:
        return None
    wait = cadence
    if failures > 1:
        wait = max(cadence, min(MAX_BACKOFF, cadence * 2 ** min(failures - 1, 16)))
    return slot_start(last_attempt, cadence) + wait


def is_due(
    *, now: datetime, cadence: timedelta, last_attempt: datetime | None, failures: int
) -> bool:
    """Whether an account should be synced in the time slot that `now` lies in, by `next_due`."""
    due = next_due(cadence=cadence, last_attempt=last_attempt, failures=failures)
    return due is None or slot_start(now, cadence) >= due


def slot_start(instant: datetime, cadence: timedelta) -> datetime:
    """The beginning of the slot that the instant lies in."""
    return instant - (instant - _EPOCH) % cadence


def retry_wait(attempt: int) -> timedelta:
    """How long a first import or re-import waits after its n-th failed attempt."""
    doubled: timedelta = FIRST_RETRY * 2 ** min(attempt - 1, 16)
    return min(MAX_RETRY, doubled)
