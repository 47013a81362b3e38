from datetime import timedelta
from pathlib import Path

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


def test_the_documentation_shows_this_table() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "dagster.md").read_text().splitlines()
    for tier in TIERS.values():
        quota = "no limit" if tier.manual_quota_per_day is None else tier.manual_quota_per_day
        row = (
            f"| {tier.name} | {spelled(tier.cadence)} | {quota} | {tier.priority} "
            f"| {spelled(tier.freshness_limit)} |"
        )
        assert row in lines


def spelled(duration: timedelta | None) -> str:
    if duration is None:
        return "–"
    minutes = duration // timedelta(minutes=1)
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def test_one_failed_sync_is_enough_to_be_late_and_a_good_one_never_is() -> None:
    for tier in scheduled_tiers():
        assert tier.cadence is not None
        assert tier.freshness_limit is not None
        assert tier.cadence < tier.freshness_limit < 2 * tier.cadence
