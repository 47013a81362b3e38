"""Calendar days of an account, in its own time zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connections.errors import DashtrayError


class UnknownTimezoneError(DashtrayError):
    """Not an IANA time zone name."""


def checked_timezone(name: str) -> ZoneInfo:
    """The time zone of that IANA name.

    Raises:
        UnknownTimezoneError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownTimezoneError(
            f"{name!r} is not a time zone. Use an IANA name such as Europe/Berlin or UTC."
        ) from None


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The calendar day in `zone` at that instant."""
    return instant.astimezone(zone).date()


def next_day_begins(instant: datetime, zone: ZoneInfo) -> datetime:
    """When the calendar day after the present one begins in `zone`. UTC.

    A midnight that daylight saving leaves out gives the instant at which it is left out.
    """
    tomorrow = day_of(instant, zone) + timedelta(days=1)
    return datetime.combine(tomorrow, time(), tzinfo=zone).astimezone(UTC)
