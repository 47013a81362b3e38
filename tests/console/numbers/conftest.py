"""A console over a small published file, on a port of its own, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from sqlalchemy.engine import Engine

from connections.migrations import migrate
from connections.postgres import make_engine
from connections.settings import Settings
from connections.vault import open_vault
from connections.web_settings import WebSettings
from console.web.app import create_app
from console.web.viewer import Viewer, current_viewer
from tests.conftest import new_database
from tests.console.numbers.marts_file import ACCOUNTS, NOW, OTHERS, write_marts
from tests.console.served import connect_accounts, served

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
def running_console(
    postgres_url: str, home: Path, web_settings: WebSettings | None = None
) -> Iterator[Console]:
    """Serve a console over the small published file; by default nobody has to log in."""
    settings = Settings(home=home)
    settings.published_dir.mkdir(parents=True)
    marts = settings.published_dir / "marts.duckdb"
    write_marts(marts)
    with ExitStack() as stack:
        engine = make_engine(stack.enter_context(new_database(postgres_url)))
        stack.callback(engine.dispose)
        migrate(engine)
        connect_accounts(engine, (*ACCOUNTS, UNPUBLISHED), NOW)
        vault = open_vault(settings, engine)
        app = create_app(settings, engine, vault, web_settings=web_settings)
        with served(app) as address:
            yield Console(app, address, settings, marts, engine)
        app.state.marts.close()
