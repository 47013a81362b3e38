"""What is said of an account: one word, the reason, and what a person can do."""

from datetime import timedelta

import pytest

from connections.due import FIRST_IMPORT_LIMIT, next_attempt
from connections.models import Account, AccountStatus, AuthKind, SyncRequest
from connections.standing import AccountState, Standing, state_of
from connections.tiers import TIERS, scheduled_tiers
from tests.connections.conftest import NOW

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def account(**changes: object) -> Account:
    """A connected account of tier pro, synced ten minutes ago."""
    values: dict[str, object] = {
        "account_id": "acct_A1",
        "tier": "pro",
        "status": AccountStatus.CONNECTED,
        "auth_kind": AuthKind.APP_OAUTH,
        "connected_at": NOW - timedelta(days=30),
        "first_import_finished_at": NOW - timedelta(days=30),
        "last_attempt_at": NOW - 10 * MINUTE,
        "last_success_at": NOW - 10 * MINUTE,
        "consecutive_failures": 0,
    }
    return Account(**{**values, **changes})


def state(first_import: SyncRequest | None = None, **changes: object) -> AccountState:
    return state_of(account(**changes), first_import, now=NOW)


@pytest.mark.parametrize("tier", scheduled_tiers(), ids=lambda tier: tier.name)
def test_a_scheduled_account_is_fresh_up_to_its_limit_and_then_late(tier: object) -> None:
    limit = TIERS[tier.name].freshness_limit  # type: ignore[attr-defined]
    assert limit is not None
    name = tier.name  # type: ignore[attr-defined]
    assert state(tier=name, last_success_at=NOW - limit).standing is Standing.FRESH
    late = state(tier=name, last_success_at=NOW - limit - MINUTE)
    assert late.standing is Standing.LATE
    assert name in str(late.reason)
    assert late.remedy
    assert late.wants_attention


def test_an_account_without_a_promise_is_connected_however_old() -> None:
    found = state(tier="free", last_success_at=NOW - timedelta(days=300))
    assert (found.standing, found.scheduled) == (Standing.CONNECTED, False)
    assert not found.wants_attention
    assert found.can_sync


def test_importing_until_the_first_import_is_late() -> None:
    new = {"first_import_finished_at": None, "last_success_at": None, "last_attempt_at": None}
    assert state(**new, connected_at=NOW).standing is Standing.IMPORTING
    late = state(**new, connected_at=NOW - FIRST_IMPORT_LIMIT - MINUTE)
    assert late.standing is Standing.LATE
    assert "has not been imported" in str(late.reason)


def test_a_failed_first_import_says_when_it_is_tried_again() -> None:
    retry = SyncRequest(not_before=NOW + 4 * MINUTE)
    found = state(
        retry,
        first_import_finished_at=None,
        consecutive_failures=2,
        last_error="/v1/charges: HTTP 500",
    )
    assert found.standing is Standing.FAILING
    assert found.reason == "/v1/charges: HTTP 500"
    assert (found.next_attempt, found.backing_off) == (NOW + 4 * MINUTE, True)


def test_one_failure_asks_for_patience_and_more_for_a_hand() -> None:
    once = state(consecutive_failures=1, last_error="timeout")
    often = state(consecutive_failures=4, last_error="timeout")
    assert once.standing is often.standing is Standing.FAILING
    assert "by itself" in str(once.remedy)
    assert "connect it again" in str(often.remedy)
    assert (once.backing_off, often.backing_off) == (False, True)
    assert often.next_attempt == next_attempt(account(consecutive_failures=4, last_error="timeout"))


def test_failing_by_a_key_points_to_the_key() -> None:
    found = state(
        auth_kind=AuthKind.API_KEY_ENV,
        api_key_env="ACME_KEY",
        consecutive_failures=3,
        last_error="HTTP 401",
    )
    assert "ACME_KEY" in str(found.remedy)


@pytest.mark.parametrize(
    ("status", "standing", "may_sync", "has_access"),
    [
        (AccountStatus.PAUSED, Standing.PAUSED, False, True),
        (AccountStatus.REVOKED, Standing.REVOKED, False, False),
        (AccountStatus.DISCONNECTED, Standing.DISCONNECTED, False, False),
    ],
)
def test_an_account_that_is_not_connected_has_no_next_sync(
    status: AccountStatus, standing: Standing, may_sync: bool, has_access: bool
) -> None:
    # Failures of the time before do not matter any more.
    found = state(status=status, consecutive_failures=5, last_success_at=NOW - 90 * HOUR)
    assert found.standing is standing
    assert (found.can_sync, found.has_access) == (may_sync, has_access)
    assert (found.next_attempt, found.scheduled) == (None, False)
    assert found.remedy


def test_what_wants_attention_comes_first() -> None:
    """Pages sort by the order of the words."""
    attention = [Standing.REVOKED, Standing.FAILING, Standing.LATE]
    assert list(Standing)[: len(attention)] == attention
