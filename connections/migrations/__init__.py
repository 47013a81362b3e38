"""Migrations of schema `connections` (Alembic), run by the program itself.

`versions/` holds one file per step; nothing needs Alembic's command line or an ini file.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine

from connections.models import SCHEMA

VERSION_TABLE = "schema_version"
# Any constant will do; it only has to be ours in this database.
_ADVISORY_LOCK = 0x0DA5_4712


def migrate(engine: Engine) -> None:
    """Bring the tables to this version of the code; does nothing when they are there.

    Safe when several processes start at once: they take turns by an advisory lock, and each
    migration is one transaction with its version.
    """
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        command.upgrade(alembic_config(connection), "head")


def remake(connection: Connection, revision: str | None) -> None:
    """In the connection's transaction, our tables of a given version, empty, for a restore.

    Args:
        connection: Everything happens in its transaction.
        revision: The version; None brings the tables that are there to this code's.
    """
    if revision is not None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    command.upgrade(alembic_config(connection), revision or "head")


def current_revision(connection: Connection) -> str:
    """The version of the tables that are there."""
    found: str = connection.execute(
        text(f"SELECT version_num FROM {SCHEMA}.{VERSION_TABLE}")  # noqa: S608 - our own names
    ).scalar_one()
    return found


def is_known(revision: str) -> bool:
    """Whether this code has that version's migration."""
    try:
        return ScriptDirectory(str(Path(__file__).parent)).get_revision(revision) is not None
    except CommandError:
        return False


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for this package, working on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
