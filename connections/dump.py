"""Our tables of Postgres out of a database and into one, whole: for backup and restore.

By COPY, so that it works with every server and needs no program beside it. The tables are made
by the migrations of the dump's own version and then brought to this one's. Dagster's tables, in
the same database, are not touched.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any

from psycopg2 import sql
from sqlalchemy import select, text
from sqlalchemy.engine import Connection, Engine

from connections.migrations import current_revision, remake
from connections.models import SCHEMA, Base, Credential, RequestStatus, SyncRequest
from connections.request_queue import requeue
from connections.rows import at, transaction
from connections.sync_reports import unfinished_syncs
from connections.syncs import free_runs
from connections.web_sessions import end_all_sessions

_COPY_OUT = sql.SQL("COPY {table} ({columns}) TO STDOUT (FORMAT text, ENCODING 'UTF8')")
_COPY_IN = sql.SQL("COPY {table} ({columns}) FROM STDIN (FORMAT text, ENCODING 'UTF8')")
_RESTORED = "An interrupted piece of work: the database was restored from a backup meanwhile."


@dataclass(frozen=True, slots=True)
class DumpedTable:
    """One table of a dump.

    Attributes:
        name: without the schema.
        columns: in the order of the data.
        rows: how many.
    """

    name: str
    columns: tuple[str, ...]
    rows: int

    def as_json(self) -> dict[str, Any]:
        """For a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "DumpedTable":
        """From a manifest."""
        return cls(str(values["name"]), tuple(values["columns"]), int(values["rows"]))


def tables_to_dump() -> list[tuple[str, tuple[str, ...]]]:
    """Names and columns of our tables; a table comes after those it refers to."""
    return [
        (table.name, tuple(column.name for column in table.columns))
        for table in Base.metadata.sorted_tables
    ]


def dump_table(
    connection: Connection, name: str, columns: Sequence[str], target: IO[bytes]
) -> DumpedTable:
    """Write one table's rows to a file, as the connection's transaction sees them."""
    cursor = _cursor(connection)
    cursor.copy_expert(_statement(_COPY_OUT, name, columns), target)
    return DumpedTable(name, tuple(columns), cursor.rowcount)


def dumped_revision(connection: Connection) -> str:
    """The version of the tables' structure, by its migration."""
    return current_revision(connection)


def needed_key_ids(connection: Connection) -> list[str]:
    """Ids of the encryption keys under which credentials are stored."""
    return sorted(connection.scalars(select(Credential.key_id).distinct()))


def holds_anything(engine: Engine) -> bool:
    """Whether any of our tables has a row."""
    with engine.connect() as connection:
        return any(
            connection.scalar(select(table.c[next(iter(table.c.keys()))]).limit(1)) is not None
            for table in Base.metadata.sorted_tables
        )


def restored_from(engine: Engine) -> str | None:
    """Which restore our tables come from, if from one: its own word for itself."""
    with engine.connect() as connection:
        found: str | None = connection.scalar(
            text("SELECT obj_description(to_regnamespace(:schema))"), {"schema": SCHEMA}
        )
        return found


def restore_tables(
    engine: Engine, revision: str, tables: Sequence[tuple[DumpedTable, IO[bytes]]], mark: str
) -> None:
    """Put a dump in the place of our tables, in one transaction: all of it or nothing.

    Args:
        engine: the database.
        revision: what `dumped_revision` said.
        tables: the dump, in the order in which it was made.
        mark: what `restored_from` says from now on.

    Raises:
        ValueError: a table has not as many rows as it should.
    """
    with engine.begin() as connection:
        remake(connection, revision)
        for table, content in tables:
            cursor = _cursor(connection)
            cursor.copy_expert(_statement(_COPY_IN, table.name, table.columns), content)
            if cursor.rowcount != table.rows:
                raise ValueError(f"{table.name}: {cursor.rowcount} rows instead of {table.rows}")
        _advance_numbers(connection)
        remake(connection, None)
        # No parameters in this statement; the mark is made of hexadecimal digits by its maker.
        connection.execute(text(f"COMMENT ON SCHEMA {SCHEMA} IS '{int(mark, 16):x}'"))


def let_go(engine: Engine) -> None:
    """Free what was under way when the dump was made, and end its logins.

    Nobody works on it any more, and who has logged out since must not be in again.
    """
    end_all_sessions(engine)
    free_runs(engine, {sync.run_id for sync in unfinished_syncs(engine)}, error=_RESTORED)
    handed_out = (RequestStatus.CLAIMED, RequestStatus.RUNNING)
    with transaction(engine) as session:
        waiting = session.scalars(
            select(SyncRequest).where(SyncRequest.status.in_(handed_out)).with_for_update()
        ).all()
        requeue(session, waiting, not_before=at(None))


def _advance_numbers(connection: Connection) -> None:
    """Let numbered columns go on after the largest number."""
    numbered = connection.execute(
        text(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = :schema AND is_identity = 'YES'"
        ),
        {"schema": SCHEMA},
    ).all()
    for table, column in numbered:
        _cursor(connection).execute(
            sql.SQL(
                "SELECT setval(pg_get_serial_sequence({name}, {literal}),"
                " coalesce(max({column}), 1), max({column}) IS NOT NULL) FROM {table}"
            ).format(
                name=sql.Literal(f"{SCHEMA}.{table}"),
                literal=sql.Literal(column),
                column=sql.Identifier(column),
                table=sql.Identifier(SCHEMA, table),
            )
        )


def _statement(template: sql.SQL, table: str, columns: Sequence[str]) -> sql.Composed:
    return template.format(
        table=sql.Identifier(SCHEMA, table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
    )


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()
