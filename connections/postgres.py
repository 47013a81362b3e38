"""Postgres: the embedded server, or the one that `DATABASE_URL` names."""

from collections.abc import Iterator
from contextlib import contextmanager
from sqlalchemy.engine import Engine
from connections.settings import Settings

DATABASE_URL_VARIABLE = "DASHTRAY_DATABASE_URL"
"""What `dashtray` sets for dagster.yaml to the value of `open_postgres`."""


@contextmanager
def open_postgres(settings: Settings) -> Iterator[str]:
    """Use Postgres; yields its URL, `postgresql+psycopg2://…`, for SQLAlchemy and Dagster.

    Embedded: starts the server or joins the running one; the last user to leave stops it.

    Raises:
        DatabaseError: it cannot be started or reached.
    """
    raise NotImplementedError
    yield


@contextmanager
def open_database(settings: Settings) -> Iterator[Engine]:
    """`open_postgres`, migrated, as an engine. What commands and runs begin with."""
    raise NotImplementedError
    yield
