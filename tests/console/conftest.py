"""Fixtures of the console's tests."""

import pytest
from limits import RateLimitItemPerMinute

from console.web.limiting import LIMITS
from tests.connections.conftest import add_account as add_account
from tests.connections.conftest import stripe as stripe
from tests.connections.conftest import stripe_settings as stripe_settings


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """No limit of attempts, which would hide what is behind it."""
    for name in list(LIMITS):
        monkeypatch.setitem(LIMITS, name, RateLimitItemPerMinute(10**9))
