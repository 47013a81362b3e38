"""Migrations of schema `connections` (Alembic), run by the program itself.

`versions/` holds one file per step; nothing needs Alembic's command line or an ini file.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
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


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for this package, working on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
