"""How many days of payment history an account wants, and what follows from changing it."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy.engine import Engine

from connections.accounts import get_account
from connections.history import (
    STRIPE_BEGAN,
    HistoryDaysError,
    first_history_day,
    history_days_in_words,
    missing_history,
    parse_history_days,
    set_history_days,
)

AddAccount = Callable[..., str]
TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(("text", "days"), [("1", 1), ("365", 365), (" 90 ", 90), ("all", None)])
def test_days_are_a_positive_number_or_all(text: str, days: int | None) -> None:
    assert parse_history_days(text) == days


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "ninety", "", "ALL of it", "٣"])
def test_anything_else_is_an_error_that_says_what_to_give(text: str) -> None:
    with pytest.raises(HistoryDaysError, match="positive whole number"):
        parse_history_days(text)


def test_the_default_is_90_and_a_change_is_kept(engine: Engine, add_account: AddAccount) -> None:
    add_account()
    account = get_account(engine, "acct_A1")
    assert history_days_in_words(account) == "90"
    assert first_history_day(account, TODAY) == date(2026, 8, 22)
    set_history_days(engine, "acct_A1", None)
    account = get_account(engine, "acct_A1")
    assert history_days_in_words(account) == "all"
    assert first_history_day(account, TODAY) == STRIPE_BEGAN
    account.history_days = 999_999
    assert first_history_day(account, TODAY) == STRIPE_BEGAN


def test_more_days_miss_the_older_part_and_fewer_miss_nothing(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account()
    account = get_account(engine, "acct_A1")
    start = datetime(2026, 8, 22, tzinfo=UTC)
    assert missing_history(account, start, TODAY) is None
    account.history_days = 30
    assert missing_history(account, start, TODAY) is None
    account.history_days = 91
    assert missing_history(account, start, TODAY) == (date(2026, 8, 21), date(2026, 8, 22))
    account.history_days = None
    assert missing_history(account, start, TODAY) == (STRIPE_BEGAN, date(2026, 8, 22))
    has_all = datetime(2011, 1, 1, tzinfo=UTC)
    assert missing_history(account, has_all, TODAY) is None
