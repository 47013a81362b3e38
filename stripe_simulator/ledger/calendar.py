"""Days of an account: calendar days in its reporting time zone.

What belongs here: from instants to days and back. What does not: any number.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo


class Calendar:
    """The calendar of one account (`docs/metrics.md` §0)."""

    def __init__(self, timezone: str | None) -> None:
        """Use this time zone; UTC where Stripe does not tell one."""
        self._zone: tzinfo = UTC if timezone is None else ZoneInfo(timezone)
        self._known: dict[int, date] = {}

    def day(self, at: int) -> date:
        """The local day of an instant (unix seconds)."""
        # Offsets are multiples of a quarter of an hour, so a quarter lies within one day.
        quarter = at // 900
        found = self._known.get(quarter)
        if found is None:
            found = datetime.fromtimestamp(at, self._zone).date()
            self._known[quarter] = found
        return found

    @staticmethod
    def days(first: date, last: date) -> list[date]:
        """All days from `first` to `last`."""
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]
