"""A console over a small published file, on a port of its own, for all tests of this folder."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from sqlalchemy.engine import Engine

from connections.migrations import migrate
from connections.models import Account, AccountStatus, AuthKind
from connections.postgres import make_engine
from connections.rows import transaction
from connections.settings import Settings
from connections.vault import open_vault
from console.web.app import create_app
from console.web.viewer import Viewer, current_viewer
from tests.conftest import new_database
from tests.console.numbers.marts_file import ACCOUNTS, NOW, OTHERS, write_marts

UNPUBLISHED = "acct_unpublished"


@dataclass(frozen=True)
class Console:
    """A running console.

    Attributes:
        app: The application.
        url: Its address.
        settings: Its settings.
        marts: The published file.
        engine: Its database.
    """

    app: FastAPI
    url: str
    settings: Settings
    marts: Path
    engine: Engine


@pytest.fixture(scope="module")
def console(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """An operator's console: every account is seen."""
    home = tmp_path_factory.mktemp("home")
    with running_console(postgres_url, home) as running:
        yield running


@pytest.fixture(scope="module")
def tenants(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console whose every viewer is a tenant who sees one account."""
    home = tmp_path_factory.mktemp("tenants")
    with running_console(postgres_url, home) as running:

        def tenant(request: Request) -> Viewer:
            request.state.viewer = Viewer(name="tenant", accounts=frozenset({OTHERS}))
            return request.state.viewer  # type: ignore[no-any-return]

        running.app.dependency_overrides[current_viewer] = tenant
        yield running


@pytest.fixture
def client(console: Console) -> Iterator[httpx.Client]:
    """A program or a browser without scripts."""
    with httpx.Client(base_url=console.url, timeout=30) as browser:
        yield browser


@contextmanager
def running_console(postgres_url: str, home: Path) -> Iterator[Console]:
    """Serve a console over the small published file."""
    settings = Settings(home=home)
    settings.published_dir.mkdir(parents=True)
    marts = settings.published_dir / "marts.duckdb"
    write_marts(marts)
    with ExitStack() as stack:
        engine = make_engine(stack.enter_context(new_database(postgres_url)))
        stack.callback(engine.dispose)
        migrate(engine)
        for account in (*ACCOUNTS, UNPUBLISHED):
            connect(engine, account)
        app = create_app(settings, engine, open_vault(settings, engine))
        with serving(app) as address:
            yield Console(app, address, settings, marts, engine)
        app.state.marts.close()


def connect(engine: Engine, account_id: str) -> None:
    """Make an account that was synced a minute ago."""
    with transaction(engine) as session:
        session.add(
            Account(
                account_id=account_id,
                tier="free",
                status=AccountStatus.CONNECTED,
                auth_kind=AuthKind.CONNECT_OAUTH,
                livemode=False,
                api_base="https://api.stripe.com",
                connect_base="https://connect.stripe.com",
                connected_at=NOW - timedelta(days=1),
                created_at=NOW - timedelta(days=1),
                first_import_finished_at=NOW,
                last_success_at=NOW,
            )
        )


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Listen on a free port for the time of a block; yields the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
