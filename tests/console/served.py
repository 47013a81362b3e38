"""A console on a free port, over accounts that were synced just now; for tests and benchmarks."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from fastapi import FastAPI
from sqlalchemy.engine import Engine

from connections.models import Account, AccountStatus, AuthKind
from connections.rows import transaction
from console.connecting import serving


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Listen on a free port for the time of a block; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener, serving(app, listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def connect_accounts(engine: Engine, accounts: Iterable[str], now: datetime) -> None:
    """Make accounts, on tier free, that were imported and synced a moment ago."""
    with transaction(engine) as session:
        for account_id in accounts:
            session.merge(
                Account(
                    account_id=account_id,
                    tier="free",
                    status=AccountStatus.CONNECTED,
                    auth_kind=AuthKind.CONNECT_OAUTH,
                    livemode=False,
                    api_base="https://api.stripe.com",
                    connect_base="https://connect.stripe.com",
                    connected_at=now - timedelta(days=1),
                    created_at=now - timedelta(days=1),
                    first_import_finished_at=now,
                    last_success_at=now,
                )
            )
