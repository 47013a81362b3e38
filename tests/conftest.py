"""Fixtures for every test: a Postgres server, a fresh migrated database, settings.

The server is an embedded one of the session's own, or the one that `DASHTRAY_TEST_DATABASE_URL`
names: its role may create databases and need not be a superuser. With
`DASHTRAY_TEST_WAREHOUSE=lake` the tests that go the whole way have a lake, not a warehouse file.
"""

import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine, make_url

from connections.embedded import EmbeddedPostgres
from connections.lake_settings import split_password
from connections.migrations import migrate
from connections.postgres import database_url as database_url_of
from connections.postgres import make_engine
from connections.secret import Secret
from connections.settings import Settings
from dlt_sources.stripe.lake import Lake

TEST_SERVER = "DASHTRAY_TEST_DATABASE_URL"

LAKE_EVERYWHERE = os.environ.get("DASHTRAY_TEST_WAREHOUSE") == "lake"
"""Whether the end-to-end and equality tests have a lake in the place of the warehouse file."""
_PREFIX = f"dashtray_test_{secrets.token_hex(4)}"
_TEMPLATE = f"{_PREFIX}_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """One server for the whole session, with a migrated template database."""
    with _server() as url:
        execute(url, f"CREATE DATABASE {_TEMPLATE}")
        template = make_engine(_database(url, _TEMPLATE))
        migrate(template)
        template.dispose()
        yield url
        execute(url, f"DROP DATABASE {_TEMPLATE} WITH (FORCE)")


@contextmanager
def _server() -> Iterator[str]:
    if given := os.environ.get(TEST_SERVER):
        yield database_url_of(Settings(home=Path("/"), database_url=Secret(given)))
        return
    directory = Path(tempfile.mkdtemp(prefix="dashtray-test-"))
    try:
        with EmbeddedPostgres(directory / "postgres", durable=False) as url:
            yield url
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    """The URL of a database of the test's own, without any table."""
    with new_database(postgres_url) as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """The URL of a database of the test's own, migrated and empty."""
    with new_database(postgres_url, f"TEMPLATE {_TEMPLATE}") as url:
        yield url


@contextmanager
def new_lake(server: str, data: Path | str, **options: Any) -> Iterator[Lake]:
    """A lake with a catalogue of its own for the time of a block."""
    with new_database(server) as url:
        dsn, password = split_password(url)
        yield Lake(
            dsn, str(data), "lake", password=(password and password.reveal()) or None, **options
        )


@pytest.fixture
def lake(postgres_url: str, tmp_path: Path) -> Iterator[Lake]:
    """An empty lake."""
    with new_lake(postgres_url, tmp_path / "lake") as fresh:
        yield fresh


@contextmanager
def new_database(server: str, options: str = "") -> Iterator[str]:
    """A database for the time of a block; yields its URL."""
    name = f"{_PREFIX}_{next(_numbers)}"
    execute(server, f"CREATE DATABASE {name} {options}")
    try:
        yield _database(server, name)
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the test's own database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a home of the test's own."""
    return Settings(
        home=tmp_path,
        stripe_client_id="ca_test",
        stripe_secret_key=Secret("sk_test_platform"),
    )


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def execute(url: str, statement: str) -> None:
    """Run one statement outside a transaction."""
    engine = make_engine(url)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
