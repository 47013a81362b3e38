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
    """

    name: str
    cadence: timedelta | None
    manual_quota_per_day: int | None
    priority: int


TIERS: Mapping[str, Tier] = MappingProxyType(
    {
        tier.name: tier
        for tier in (
            Tier("free", cadence=None, manual_quota_per_day=3, priority=40),
            Tier("pro", cadence=timedelta(hours=3), manual_quota_per_day=None, priority=30),
            Tier("scale", cadence=timedelta(minutes=30), manual_quota_per_day=None, priority=20),
            Tier("agency", cadence=timedelta(minutes=30), manual_quota_per_day=None, priority=10),
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
