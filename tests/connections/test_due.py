"""Who is late, and when who is tried again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from connections.accounts import get_account
from connections.due import FIRST_IMPORT_LIMIT, late_accounts, next_attempt
from connections.models import AccountStatus
from connections.tiers import TIERS, scheduled_tiers
from tests.connections.conftest import NOW

pytestmark = pytest.mark.e2e

AddAccount = Callable[..., str]
LONG_AGO = NOW - timedelta(days=30)
SECOND = timedelta(seconds=1)


def late(engine: Engine) -> list[str]:
    return [each.account.account_id for each in late_accounts(engine, now=NOW)]


def test_an_account_is_late_from_its_tiers_limit_on(
    engine: Engine, add_account: AddAccount
) -> None:
    for tier in scheduled_tiers():
        limit = tier.freshness_limit
        assert limit is not None
        add_account(
            f"acct_{tier.name}_in_time",
            tier=tier.name,
            connected_at=LONG_AGO,
            last_success_at=NOW - limit,
        )
        add_account(
            f"acct_{tier.name}_late",
            tier=tier.name,
            connected_at=LONG_AGO,
            last_success_at=NOW - limit - SECOND,
        )
    add_account("acct_free", tier="free", connected_at=LONG_AGO, last_success_at=LONG_AGO)
    assert late(engine) == ["acct_pro_late", "acct_agency_late", "acct_scale_late"]


@pytest.mark.parametrize("tier", TIERS)
def test_a_first_import_is_late_after_an_hour_whatever_the_tier(
    engine: Engine, add_account: AddAccount, tier: str
) -> None:
    for name, age in (("in_time", FIRST_IMPORT_LIMIT), ("late", FIRST_IMPORT_LIMIT + SECOND)):
        add_account(
            f"acct_{name}", tier=tier, connected_at=NOW - age, first_import_finished_at=None
        )
    assert late(engine) == ["acct_late"]


def test_who_came_back_is_not_late_for_the_time_away(
    engine: Engine, add_account: AddAccount
) -> None:
    add_account(tier="scale", last_success_at=LONG_AGO, connected_at=NOW - timedelta(minutes=1))
    assert late(engine) == []


@pytest.mark.parametrize("status", [s for s in AccountStatus if s is not AccountStatus.CONNECTED])
def test_who_is_not_connected_is_not_late(
    engine: Engine, add_account: AddAccount, status: AccountStatus
) -> None:
    add_account(tier="scale", status=status, connected_at=LONG_AGO, last_success_at=LONG_AGO)
    assert late(engine) == []
    assert next_attempt(get_account(engine, "acct_A1")) is None


def test_the_next_attempt_shows_the_back_off(engine: Engine, add_account: AddAccount) -> None:
    begin = NOW.replace(minute=0)
    for failures, slots in ((0, 1), (1, 1), (2, 2), (3, 4), (9, 48)):
        account_id = add_account(
            f"acct_{failures}", tier="scale", last_attempt_at=NOW, consecutive_failures=failures
        )
        account = get_account(engine, account_id)
        assert next_attempt(account) == begin + slots * timedelta(minutes=30)
    free = get_account(engine, add_account("acct_free", tier="free", last_attempt_at=NOW))
    assert next_attempt(free) is None
