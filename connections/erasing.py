"""Erasing an account from Postgres: its rows, its id in what others wrote, and the dead bytes.

A deleted row's bytes stay in its table's file until the table is rewritten, and in the log of
changes until that is removed. What may be erased, and when, is decided by the caller.
"""

from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy import Connection, delete, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from connections.lake_settings import LAKE_SCHEMA
from connections.models import SCHEMA, Alert, Base

_COLUMNS = ("account_id", "expected_account")
_TEXTS = ("text", "character varying", "json", "jsonb")


def placeholder(account_id: str) -> str:
    """What stands for an erased account's id, as long as the id: `acct_000…`."""
    return "acct_".ljust(len(account_id), "0")


def delete_account_rows(engine: Engine, account_id: str) -> int:
    """Delete every row about the account from our tables, found by their columns.

    Returns:
        How many rows there were.
    """
    deleted = 0
    with engine.begin() as connection:
        # Children before parents, so that each table's rows are counted.
        for table in reversed(Base.metadata.sorted_tables):
            for column in _COLUMNS:
                if column in table.c:
                    statement = table.delete().where(table.c[column] == account_id)
                    deleted += connection.execute(statement).rowcount
        # Alerts name their account in the cause.
        about = Alert.cause.contains(account_id, autoescape=True)
        deleted += connection.execute(delete(Alert).where(about)).rowcount
    return deleted


def erase_id(engine: Engine, account_id: str) -> int:
    """Write the placeholder over the account's id in every text of every other table.

    Dagster keeps the id in run configurations, events, ticks and partitions. Rows that are about
    the one account are deleted, the others keep what they say about other accounts.

    Returns:
        How many rows were changed or deleted.
    """
    changed = 0
    with engine.begin() as connection:
        for table in ("event_logs", "dynamic_partitions"):
            if _exists(connection, table):
                changed += connection.execute(
                    text(f"DELETE FROM public.{table} WHERE partition = :id"),  # noqa: S608
                    {"id": account_id},
                ).rowcount
        for schema, name, column, kind in _text_columns(connection):
            target = f'"{schema}"."{name}"'
            changed += connection.execute(
                text(
                    f'UPDATE {target} SET "{column}" ='  # noqa: S608 - names of the catalogue
                    f" regexp_replace(\"{column}\"::text, :whole, :placeholder, 'g')::{kind}"
                    f' WHERE "{column}"::text ~ :whole'
                ),
                {
                    # An id that only begins with this one is another account's.
                    "whole": f"{account_id}(?![A-Za-z0-9_])",
                    "placeholder": placeholder(account_id),
                },
            ).rowcount
    return changed


def discard_dead_bytes(engine: Engine, *, embedded: bool) -> list[str]:
    """Rewrite our tables, Dagster's and a lake's catalogue, so that deleted rows leave their files.

    Each table is locked while it is rewritten. On the embedded server the statistics and the log
    of changes are emptied of them too.

    Args:
        engine: the database.
        embedded: whether the server is ours alone.

    Returns:
        What is left to the server's operator, as sentences.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        tables: list[str] = list(
            connection.execute(
                text(
                    "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
                    " WHERE schemaname IN (:ours, 'public', :lake) ORDER BY 1"
                ),
                {"ours": SCHEMA, "lake": LAKE_SCHEMA},
            ).scalars()
        )
        for table in tables:
            connection.execute(text(f"VACUUM (FULL, ANALYZE) {table}"))
        if not embedded:
            return [
                "The Postgres server of DATABASE_URL keeps changes in its log, its statistics and "
                "its backups for as long as its operator has set."
            ]
        connection.execute(text("VACUUM FULL pg_catalog.pg_statistic"))
        _empty_the_log(connection)
    return []


def _empty_the_log(connection: Connection) -> None:
    """Begin a new file of the log of changes, and remove the former ones instead of reusing them.

    A file kept for reuse keeps its bytes until it is written over.
    """
    try:
        connection.execute(text("ALTER SYSTEM SET wal_recycle = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
        for _ in range(2):
            # A checkpoint removes what is older than the one before it.
            connection.execute(text("SELECT pg_switch_wal()"))
            connection.execute(text("CHECKPOINT"))
    finally:
        with suppress(DBAPIError):
            connection.execute(text("ALTER SYSTEM RESET wal_recycle"))
            connection.execute(text("SELECT pg_reload_conf()"))


def _exists(connection: Connection, table: str) -> bool:
    return (
        connection.execute(text("SELECT to_regclass(:name)"), {"name": f"public.{table}"}).scalar()
        is not None
    )


def _text_columns(connection: Connection) -> Iterable[tuple[str, str, str, str]]:
    rows = connection.execute(
        text(
            "SELECT c.table_schema, c.table_name, c.column_name, c.data_type"
            " FROM information_schema.columns c JOIN information_schema.tables t"
            " USING (table_schema, table_name)"
            " WHERE t.table_type = 'BASE TABLE' AND c.table_schema IN (:ours, 'public')"
            " AND c.data_type = ANY(:kinds) AND c.column_name <> ALL(:keys) ORDER BY 1, 2, 3"
        ),
        {"ours": SCHEMA, "kinds": list(_TEXTS), "keys": list(_COLUMNS)},
    ).all()
    return [(row[0], row[1], row[2], row[3]) for row in rows]
