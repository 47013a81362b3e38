"""What forms offer to choose from, in words for people."""

from __future__ import annotations

from datetime import timedelta

from connections.tiers import TIERS, Tier

#: Days of payment history, as `connections.history` takes them.
HISTORY_CHOICES = (
    ("30", "30 days"),
    ("90", "90 days"),
    ("365", "1 year"),
    ("730", "2 years"),
    ("1825", "5 years"),
    ("all", "Everything"),
)


def tiers_in_words() -> list[tuple[Tier, str]]:
    """Every tier, with what it promises."""
    return [(tier, _promise(tier)) for tier in TIERS.values()]


def _promise(tier: Tier) -> str:
    if tier.cadence is None:
        return f"Synced when you ask, {tier.manual_quota_per_day} times a day"
    minutes = tier.cadence // timedelta(minutes=1)
    every = f"{minutes} minutes" if minutes < 60 else f"{minutes // 60} hours"
    first = tier.priority == min(each.priority for each in TIERS.values())
    return f"Synced every {every}" + (", first in the queue" if first else "")
