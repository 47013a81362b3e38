"""What a person should know before they believe the numbers: what happened, and what to try."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connections.models import Account
from connections.standing import Standing, state_of
from console.web.numbers import formats
from console.web.numbers.selection import Selection

#: Standings that are worth a word above the numbers: the tone, and what happened.
_WORDS = {
    Standing.REVOKED: ("bad", "Stripe withdrew the access: these numbers are not updated any more"),
    Standing.FAILING: ("bad", "The last sync failed: these numbers are those of the one before"),
    Standing.LATE: ("warn", "These numbers are older than they should be"),
    Standing.PAUSED: ("info", "This account is paused: these numbers are not updated"),
    Standing.DISCONNECTED: ("warn", "This account is disconnected: these numbers are not updated"),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One message.

    Attributes:
        tone: `info`, `warn` or `bad`.
        title: What happened.
        text: Why, and what to try.
        link: Where something can be done about it; None = nowhere.
    """

    tone: str
    title: str
    text: str
    link: str | None


def notices(account: Account, selection: Selection, *, now: datetime) -> list[Notice]:
    """The messages for a page, the most important first."""
    found = []
    state = state_of(account, now=now)
    if words := _WORDS.get(state.standing):
        tone, title = words
        text = " ".join(part for part in (state.reason, state.remedy) if part)
        found.append(Notice(tone, title, text, f"/integrations/{account.account_id}"))
    if selection.is_cut:
        first = formats.day(selection.reach.first_day, selection.locale)
        found.append(
            Notice(
                "info",
                f"The imported history begins on {first}",
                "Days before it are left out here, so sums are of fewer days than you asked for.",
                None,
            )
        )
    return found
