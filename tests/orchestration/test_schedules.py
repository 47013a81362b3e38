"""Cadences as cron expressions."""

from datetime import timedelta
from itertools import pairwise

import pytest
from dagster._utils.schedules import cron_string_iterator
from hypothesis import given
from hypothesis import strategies as st

from connections.tiers import scheduled_tiers
from orchestration.schedules import build_schedules, cron_of

MINUTES = [minutes for minutes in range(1, 60) if 60 % minutes == 0]
HOURS = [hours for hours in range(1, 24) if 24 % hours == 0]


@given(
    st.one_of(
        st.sampled_from(MINUTES).map(lambda minutes: timedelta(minutes=minutes)),
        st.sampled_from(HOURS).map(lambda hours: timedelta(hours=hours)),
    )
)
def test_ticks_are_one_cadence_apart(cadence: timedelta) -> None:
    ticks = cron_string_iterator(1_700_000_000, cron_of(cadence), "UTC")
    instants = [next(ticks) for _ in range(60)]

    assert {later - earlier for earlier, later in pairwise(instants)} == {cadence}


@pytest.mark.parametrize(
    "cadence",
    [
        timedelta(0),
        timedelta(minutes=7),
        timedelta(hours=5),
        timedelta(days=1),
        timedelta(seconds=90),
    ],
)
def test_a_cadence_that_cron_cannot_say_raises(cadence: timedelta) -> None:
    with pytest.raises(ValueError, match="cannot be written as a cron expression"):
        cron_of(cadence)


def test_each_tier_with_a_cadence_has_a_schedule_and_no_other_has() -> None:
    assert {schedule.name for schedule in build_schedules()} == {
        f"{tier.name}_tier" for tier in scheduled_tiers()
    }
