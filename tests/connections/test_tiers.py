from datetime import timedelta

import pytest

from connections.tiers import TIERS, UnknownTierError, get_tier, scheduled_tiers


def test_the_promises() -> None:
    promised = {name: (tier.cadence, tier.manual_quota_per_day) for name, tier in TIERS.items()}
    assert promised == {
        "free": (None, 3),
        "pro": (timedelta(hours=3), None),
        "scale": (timedelta(minutes=30), None),
        "agency": (timedelta(minutes=30), None),
    }


def test_an_unknown_tier_lists_the_valid_ones() -> None:
    with pytest.raises(UnknownTierError, match=r"'gold'.*free, pro, scale, agency"):
        get_tier("gold")


def test_scheduled_tiers_come_by_priority() -> None:
    assert [tier.name for tier in scheduled_tiers()] == ["agency", "scale", "pro"]
