"""Fixtures of this package's tests: Stripe's double, the vault, ready accounts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy.engine import Engine

from connections.models import Account, AccountStatus, AuthKind
from connections.rows import transaction
from connections.settings import Settings
from connections.vault import Vault, open_vault
from tests.connections.stripe_double import StripeDouble, serve_double

NOW = datetime(2026, 11, 3, 12, 10, tzinfo=UTC)


@pytest.fixture
def stripe() -> Iterator[StripeDouble]:
    double, server = serve_double()
    yield double
    double.gate.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def stripe_settings(settings: Settings, stripe: StripeDouble) -> Settings:
    return replace(
        settings,
        stripe_api_base=stripe.url,
        stripe_connect_base=stripe.url,
        stripe_marketplace_base=stripe.url,
    )


@pytest.fixture
def vault(settings: Settings, engine: Engine) -> Vault:
    return open_vault(settings, engine)


@pytest.fixture
def add_account(engine: Engine) -> Callable[..., str]:
    def add(account_id: str = "acct_A1", **changes: object) -> str:
        values: dict[str, object] = {
            "account_id": account_id,
            "tier": "free",
            "status": AccountStatus.CONNECTED,
            "auth_kind": AuthKind.CONNECT_OAUTH,
            "livemode": False,
            "api_base": "https://api.stripe.com",
            "connect_base": "https://connect.stripe.com",
            "connected_at": NOW,
            "created_at": NOW,
            "first_import_finished_at": NOW,
        }
        with transaction(engine) as session:
            session.add(Account(**{**values, **changes}))
        return account_id

    return add
