"""How many days of payment history an account wants: `N` complete UTC days, or all there is.

The first import reads them. Asking for more later takes effect at the account's next sync, which
reads the older part; asking for fewer takes nothing away, since history once read stays.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.engine import Engine

from connections.errors import DashtrayError
from connections.models import Account
from connections.rows import account_row, transaction

STRIPE_BEGAN = date(2011, 1, 1)
"""Before Stripe's first customers: what "all" reaches back to."""

ALL = "all"


class HistoryDaysError(DashtrayError):
    """Not a number of days."""


def parse_history_days(text: str) -> int | None:
    """The days that a person asked for; None = all.

    Raises:
        HistoryDaysError: neither a positive whole number nor `all`.
    """
    word = text.strip()
    if word == ALL:
        return None
    if not (word.isascii() and word.isdigit()) or int(word) == 0:
        raise HistoryDaysError(
            f"{text!r} is not a number of days. Give a positive whole number, such as 365, or "
            f"{ALL} for the whole payment history."
        )
    return int(word)


def history_days_in_words(account: Account) -> str:
    """What an account wants, as `parse_history_days` takes it."""
    return ALL if account.history_days is None else str(account.history_days)


def most_days(wanted: Sequence[int | None]) -> int | None:
    """The most of several wishes; None = all."""
    return None if None in wanted else max(days for days in wanted if days is not None)


def set_history_days(engine: Engine, account_id: str, days: int | None) -> Account:
    """Say how many days of payment history an account wants; None = all.

    Raises:
        UnknownAccountError: no such account.
    """
    with transaction(engine) as session:
        account = account_row(session, account_id, lock=True)
        account.history_days = days
        return account


def first_history_day(account: Account, today: date) -> date:
    """The first UTC day of payment history that the account wants, never before Stripe began.

    Args:
        account: the account.
        today: the UTC day of its first import, for an account that has none yet; the present
            one later.
    """
    days = account.history_days
    if days is None or days >= (today - STRIPE_BEGAN).days:
        return STRIPE_BEGAN
    return today - timedelta(days=days)


def missing_history(
    account: Account, history_start: datetime, today: date
) -> tuple[date, date] | None:
    """The UTC days (inclusive) that an imported account wants and does not have.

    Args:
        account: the account.
        history_start: where the history that was read begins, as its cursor says.
        today: the present UTC day.

    Returns:
        First and last day, or None: what it has is enough.
    """
    wanted = first_history_day(account, today)
    has = history_start.astimezone(UTC).date()
    return (wanted, has) if wanted < has else None
