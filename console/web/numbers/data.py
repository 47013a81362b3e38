"""What a widget's query answers: rows with typed columns, before anybody draws them.

From the same data come the picture, its table, the JSON and the CSV, so they cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from babel import Locale

from console.web.numbers import formats
from console.web.numbers.metrics import Unit


class Shown(StrEnum):
    """How a column that is no number is shown."""

    TEXT = "text"
    DAY = "day"
    MONTH = "month"
    FLAG = "flag"
    STATUS = "status"
    """Stripe's word for how something is."""
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: In JSON and CSV.
        label: For people.
        kind: Its unit, or how it is shown.
    """

    name: str
    label: str
    kind: Unit | Shown

    @property
    def is_number(self) -> bool:
        """Whether it is set to the right."""
        return isinstance(self.kind, Unit)


@dataclass(frozen=True, slots=True)
class Data:
    """Rows of one widget.

    Attributes:
        columns: What each place of a row is.
        rows: The values as the marts have them.
        facts: What the renderer needs beside the rows.
        note: What a person should know about them, such as the month that they are of.
        empty: Why there is nothing, once there are no rows.
    """

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    empty: str = "There is nothing in this period."

    def column(self, name: str) -> list[Any]:
        """The values of one column."""
        place = [column.name for column in self.columns].index(name)
        return [row[place] for row in self.rows]


def plain(value: Any) -> str | None:
    """A value for JSON and CSV: exact, in plain decimal notation, days by ISO 8601."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case Decimal():
            text = format(value, "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
        case datetime():
            return f"{value.isoformat(timespec='seconds')}Z"
        case date():
            return value.isoformat()
        case _:
            return str(value)


def shown(value: Any, kind: Unit | Shown, currency: str, locale: Locale) -> str:
    """A value for people."""
    if value is None:
        return formats.NONE
    match kind:
        case Unit():
            return formats.full(value, kind, currency, locale)
        case Shown.DAY:
            return formats.day(value, locale)
        case Shown.MONTH:
            return formats.month(value, locale)
        case Shown.FLAG:
            return "estimated" if value else ""
        case _:
            return str(value)
