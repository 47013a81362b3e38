import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connections.days import UnknownTimezoneError, checked_timezone, day_of, next_day_begins

ZONES = st.sampled_from(sorted(zoneinfo.available_timezones()))
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(INSTANTS, ZONES)
def test_the_next_day_begins_later_and_on_a_later_day(instant: datetime, name: str) -> None:
    zone = checked_timezone(name)
    begins = next_day_begins(instant, zone)
    assert instant < begins <= instant + timedelta(hours=49)
    assert day_of(begins, zone) > day_of(instant, zone)


@given(INSTANTS, ZONES)
def test_just_before_it_is_still_today(instant: datetime, name: str) -> None:
    zone = checked_timezone(name)
    before = next_day_begins(instant, zone) - timedelta(microseconds=1)
    assert day_of(before, zone) == day_of(instant, zone)


def test_a_midnight_left_out_by_daylight_saving() -> None:
    # Lebanon's clocks went from 23:59:59 on 30 March 2024 to 01:00 on 31 March.
    zone = checked_timezone("Asia/Beirut")
    begins = next_day_begins(datetime(2024, 3, 30, 12, tzinfo=UTC), zone)
    assert begins == datetime(2024, 3, 30, 22, tzinfo=UTC)
    assert begins.astimezone(zone).hour == 1


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/passwd", "a\0b"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UnknownTimezoneError, match="IANA"):
        checked_timezone(name)
