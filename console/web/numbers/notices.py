"""What a person should know before they believe the numbers: what happened, and what to try."""

from __future__ import annotations

from dataclasses import dataclass

from connections.models import Account
from console.web.numbers import formats
from console.web.numbers.selection import Selection


@dataclass(frozen=True, slots=True)
class Notice:
    """One message.

    Attributes:
        tone: `info`, `warn` or `bad`.
        title: What happened.
        text: What it means, and what to try.
    """

    tone: str
    title: str
    text: str


def notices(account: Account, selection: Selection) -> list[Notice]:
    """The messages for a page, the most important first."""
    found = []
    if selection.is_cut:
        first = formats.day(selection.reach.first_day, selection.locale)
        found.append(
            Notice(
                "info",
                f"The imported history begins on {first}",
                "Days before it are left out here, so sums are of fewer days than you asked for.",
            )
        )
    return found
