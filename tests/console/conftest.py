"""Fixtures of the console's tests."""

from tests.connections.conftest import add_account as add_account
from tests.connections.conftest import stripe as stripe
from tests.connections.conftest import stripe_settings as stripe_settings
