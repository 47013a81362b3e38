"""Postgres: the embedded server, or the one that `DATABASE_URL` names.

Everything that needs the database begins with `open_database`; nothing else decides where it is.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from connections.embedded import EmbeddedPostgres
from connections.errors import DatabaseError, SettingsError
from connections.migrations import migrate
from connections.settings import Settings

DATABASE_URL_VARIABLE = "DASHTRAY_DATABASE_URL"
"""The variable that dagster.yaml reads; give it the value that `open_postgres` yields."""

CONNECT_TIMEOUT = 10
POOL_SIZE = 5
"""Connections that an engine keeps, and as many more for a moment (docs/operating.md)."""

# Which database and schema these are, even if others are made under the same names.
_SCHEMA_IDENTITY = text(
    "SELECT oid || '/' || coalesce(to_regnamespace('connections')::oid::text, '')"
    " FROM pg_database WHERE datname = current_database()"
)
_migrated: set[tuple[str, str]] = set()
_migrating = threading.Lock()


@contextmanager
def open_postgres(settings: Settings) -> Iterator[str]:
    """Use Postgres; yields its URL, `postgresql+psycopg2://…`, for SQLAlchemy and Dagster.

    Embedded: starts the server or joins the running one, which runs at least until the block
    ends; the last user of all processes to leave stops it.

    Raises:
        DatabaseError: it cannot be started or reached.
        SettingsError: `DATABASE_URL` is malformed.
    """
    if settings.database_url is None:
        with EmbeddedPostgres(settings.postgres_dir) as url:
            yield url
        return
    url = database_url(settings)
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except OperationalError as error:
        raise DatabaseError(
            f"DATABASE_URL ({_without_password(make_url(url))}) cannot be used: "
            f"{_reason(error, url)}. Correct it, or unset it to use the embedded Postgres."
        ) from None
    finally:
        engine.dispose()
    yield url


@contextmanager
def open_database(settings: Settings) -> Iterator[Engine]:
    """`open_postgres`, migrated, as an engine. What commands and runs begin with.

    Raises:
        DatabaseError, SettingsError: as `open_postgres`.
    """
    with open_postgres(settings) as url:
        engine = make_engine(url)
        try:
            _migrate_once(engine, url)
            yield engine
        finally:
            engine.dispose()


def _migrate_once(engine: Engine, url: str) -> None:
    """Bring a database to this code's version at its first use in this process.

    The code of a process does not change, so that its second look could only find the same; a
    sensor looks every three seconds. A database may be made anew under its old name, which its
    object id tells.
    """
    with _migrating:
        if (url, _schema_identity(engine)) not in _migrated:
            migrate(engine)
            _migrated.add((url, _schema_identity(engine)))


def _schema_identity(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.execute(_SCHEMA_IDENTITY).scalar_one())


def database_url(settings: Settings) -> str:
    """The URL for SQLAlchemy; of the embedded server also while it does not run.

    Raises:
        SettingsError: `DATABASE_URL` is malformed; does not show it, as it may hold a password.
    """
    if settings.database_url is None:
        return EmbeddedPostgres(settings.postgres_dir).url
    try:
        url = make_url(settings.database_url.reveal())
    except (ArgumentError, ValueError):
        raise SettingsError(
            "DATABASE_URL is malformed. It must look like "
            "postgresql://user:password@host:5432/name (special characters percent-encoded)."
        ) from None
    # SQLAlchemy 2.1 reads the plain scheme as psycopg 3, which is not installed.
    return url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


def make_engine(url: str) -> Engine:
    """An engine with this project's settings: UTC, checked connections, bounded waits."""
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        # The SQL's parameters hold ciphertexts and names: never in an error's text.
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT, "options": "-c timezone=UTC"},
    )


def _without_password(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def _reason(error: OperationalError, url: str) -> str:
    """Postgres's own words on one line, without the password even if it repeats it."""
    reason = re.sub(r"\s+", " ", str(error.orig)).strip().rstrip(".")
    password = make_url(url).password
    return reason.replace(str(password), "***") if password else reason
