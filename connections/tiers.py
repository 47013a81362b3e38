"""The tiers: one table from which schedules, quotas, freshness limits and docs derive.

To add a tier, add one row to `TIERS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from connections.errors import DashtrayError


class UnknownTierError(DashtrayError):
    """The tier's name is not in the table; the message lists the valid names."""


@dataclass(frozen=True, slots=True)
class Tier:
    """What one tier promises.

    Attributes:
        name: lower-case name, as stored in `connections.accounts.tier`.
        cadence: time between two scheduled syncs; None = no schedule, manual syncs only.
        manual_quota_per_day: manual sync requests accepted per day of the account; None = no limit.
        priority: the smaller, the earlier when work queues up.
        freshness_limit: an account whose last success is older is late: the cadence and half a
            cadence, so that one sync that failed is enough to be told; at most an hour more.
            None = never late.
    """

    name: str
    cadence: timedelta | None
    manual_quota_per_day: int | None
    priority: int
    freshness_limit: timedelta | None


_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)

TIERS: Mapping[str, Tier] = MappingProxyType(
    {
        tier.name: tier
        for tier in (
            # name, cadence, manual syncs a day, priority, late after
            Tier("free", None, 3, 40, None),
            Tier("pro", 3 * _HOUR, None, 30, 4 * _HOUR),
            Tier("scale", 30 * _MINUTE, None, 20, 45 * _MINUTE),
            Tier("agency", 30 * _MINUTE, None, 10, 45 * _MINUTE),
        )
    }
)


def get_tier(name: str) -> Tier:
    """The tier of that name.

    Raises:
        UnknownTierError: there is none; lists those that exist.
    """
    try:
        return TIERS[name]
    except KeyError:
        raise UnknownTierError(
            f"There is no tier {name!r}. Choose one of: {', '.join(TIERS)}."
        ) from None


def scheduled_tiers() -> tuple[Tier, ...]:
    """The tiers that have a cadence, most important first."""
    scheduled = (tier for tier in TIERS.values() if tier.cadence is not None)
    return tuple(sorted(scheduled, key=lambda tier: tier.priority))
