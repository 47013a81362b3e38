"""Fixtures for every test: an embedded Postgres, a fresh migrated database, settings."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine, make_url

from connections.embedded import EmbeddedPostgres
from connections.migrations import migrate
from connections.postgres import make_engine
from connections.secret import Secret
from connections.settings import Settings

_TEMPLATE = "dashtray_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """One throw-away server for the whole session, with a migrated template database."""
    directory = Path(tempfile.mkdtemp(prefix="dashtray-test-"))
    try:
        with EmbeddedPostgres(directory / "postgres", durable=False) as url:
            _execute(url, f"CREATE DATABASE {_TEMPLATE}")
            template = make_engine(_database(url, _TEMPLATE))
            migrate(template)
            template.dispose()
            yield url
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """The URL of a database of the test's own, migrated and empty."""
    name = f"test_{next(_numbers)}"
    _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield _database(postgres_url, name)
    _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


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


def _execute(url: str, statement: str) -> None:
    engine = make_engine(url)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
