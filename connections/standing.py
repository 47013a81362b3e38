"""How one account is doing, in one word, with the reason and what a person can do about it.

A pure function over what the tables hold; lateness and the next attempt are `due`'s.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from connections.due import lateness, next_attempt
from connections.models import Account, AccountStatus, AuthKind, SyncRequest
from connections.tiers import get_tier


class Standing(StrEnum):
    """The word; in the order in which accounts want a person's attention."""

    REVOKED = "revoked"
    """Stripe withdrew the access."""
    FAILING = "failing"
    """The last sync, or the first import, failed; it is tried again."""
    LATE = "late"
    """No good sync for longer than the tier allows."""
    IMPORTING = "importing"
    """Connected, and never imported to the end yet."""
    PAUSED = "paused"
    FRESH = "fresh"
    """As new as the tier promises."""
    CONNECTED = "connected"
    """Imported, on a tier that promises nothing: synced when a person asks."""
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class AccountState:
    """What is to be said about an account.

    Attributes:
        standing: the word.
        reason: why it is so, where that is not plain; one line, no secrets.
        remedy: what a person can do; None = nothing is needed.
        next_attempt: when it is synced next by itself; None = at once, or never (`scheduled`).
        scheduled: whether it is synced by itself at all.
        backing_off: whether failures have made the next attempt wait longer than usual.
    """

    standing: Standing
    reason: str | None
    remedy: str | None
    next_attempt: datetime | None
    scheduled: bool
    backing_off: bool

    @property
    def wants_attention(self) -> bool:
        """Whether a person should look at it."""
        return self.standing in {Standing.REVOKED, Standing.FAILING, Standing.LATE}

    @property
    def can_sync(self) -> bool:
        """Whether a sync may be asked for."""
        return self.standing not in {
            Standing.REVOKED,
            Standing.PAUSED,
            Standing.DISCONNECTED,
        }

    @property
    def has_access(self) -> bool:
        """Whether there is a connection that could be given up."""
        return self.standing not in {Standing.REVOKED, Standing.DISCONNECTED}


def state_of(
    account: Account, first_import: SyncRequest | None = None, *, now: datetime
) -> AccountState:
    """How an account is doing.

    Args:
        account: the account.
        first_import: its open request for a first import, if it has one.
        now: the present.
    """
    standing = _standing(account, now)
    importing = account.first_import_finished_at is None
    tried_at = next_attempt(account)
    if importing:
        tried_at = first_import.not_before if first_import is not None else None
    if tried_at is not None and tried_at <= now:
        tried_at = None
    connected = account.status is AccountStatus.CONNECTED
    failures = account.consecutive_failures
    return AccountState(
        standing=standing,
        reason=_reason(account, standing, now),
        remedy=_remedy(account, standing),
        next_attempt=tried_at if connected else None,
        scheduled=connected and (importing or get_tier(account.tier).cadence is not None),
        backing_off=connected and tried_at is not None and failures > (0 if importing else 1),
    )


def _standing(account: Account, now: datetime) -> Standing:
    if account.status is not AccountStatus.CONNECTED:
        return {
            AccountStatus.PAUSED: Standing.PAUSED,
            AccountStatus.REVOKED: Standing.REVOKED,
            AccountStatus.DISCONNECTED: Standing.DISCONNECTED,
        }[account.status]
    if account.consecutive_failures:
        return Standing.FAILING
    if lateness(account, now=now):
        return Standing.LATE
    if account.first_import_finished_at is None:
        return Standing.IMPORTING
    promised = get_tier(account.tier).freshness_limit is not None
    return Standing.FRESH if promised else Standing.CONNECTED


def _reason(account: Account, standing: Standing, now: datetime) -> str | None:
    if standing in {Standing.FAILING, Standing.REVOKED}:
        return account.last_error or "No reason was recorded."
    late = lateness(account, now=now)
    if standing is not Standing.LATE or late is None:
        return None
    age, limit = _spell(late.age), _spell(late.limit)
    if account.first_import_finished_at is None:
        return f"It was connected {age} ago and has not been imported; {limit} are expected."
    return f"It has had no good sync for {age}; the tier {account.tier} allows {limit}."


def _remedy(account: Account, standing: Standing) -> str | None:
    by_key = account.auth_kind is AuthKind.API_KEY_ENV
    match standing:
        case Standing.REVOKED if by_key:
            return (
                f"Put a valid restricted key into {account.api_key_env}, then: dashtray connect "
                f"--api-key-env {account.api_key_env}"
            )
        case Standing.REVOKED:
            return "Connect it again; what was imported is kept."
        case Standing.FAILING if account.consecutive_failures == 1:
            return "Nothing yet: it is tried again by itself, and goes on where it stopped."
        case Standing.FAILING if by_key:
            return (
                f"If it does not pass, check the restricted key in {account.api_key_env}: it must "
                "be valid and allowed to read what the reason names."
            )
        case Standing.FAILING:
            return "If it does not pass, connect it again; what was imported is kept."
        case Standing.LATE:
            return (
                "Look whether the service runs (dashtray doctor) and whether its queue is long; "
                "Sync now asks for a sync at once."
            )
        case Standing.PAUSED:
            return "Resume it to go on with its schedule."
        case Standing.DISCONNECTED:
            return "Connect it again to go on; what was imported is kept."
        case _:
            return None


def _spell(duration: timedelta) -> str:
    minutes = round(duration.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
