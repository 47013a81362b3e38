"""Fixtures of the console's tests."""

from tests.connections.conftest import add_account as add_account
