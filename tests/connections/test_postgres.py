from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, inspect, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import IntegrityError

from connections.errors import DatabaseError, SettingsError
from connections.migrations import VERSION_TABLE, migrate
from connections.models import SCHEMA, Base
from connections.postgres import database_url, make_engine, open_database, open_postgres
from connections.secret import Secret
from connections.settings import Settings

pytestmark = pytest.mark.e2e


def test_the_embedded_server_comes_migrated(settings: Settings) -> None:
    with open_database(settings) as engine, engine.connect() as connection:
        assert engine.url == make_url(database_url(settings))
        assert inspect(connection).has_table("accounts", schema=SCHEMA)


def test_a_given_server_is_used_with_either_scheme(settings: Settings, postgres_url: str) -> None:
    plain = postgres_url.replace("postgresql+psycopg2", "postgresql")
    given = replace(settings, database_url=Secret(plain))
    with open_postgres(given) as url:
        assert make_url(url) == make_url(postgres_url)
    assert not settings.postgres_dir.exists()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@127.0.0.1:1/d",
        "postgresql://u:hunter2@host.invalid/d",
    ],
)
def test_an_unreachable_server_is_one_line_without_the_password(
    settings: Settings, url: str
) -> None:
    given = replace(settings, database_url=Secret(url))
    with pytest.raises(DatabaseError, match="DATABASE_URL") as error, open_postgres(given):
        pass
    assert "hunter2" not in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h:port/d", "postgresql://u:hunter2@[::1"])
def test_a_malformed_url_is_refused_without_the_password(settings: Settings, url: str) -> None:
    given = replace(settings, database_url=Secret(url))
    with pytest.raises(SettingsError, match="malformed") as error, open_postgres(given):
        pass
    assert "hunter2" not in str(error.value)


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "version_table": VERSION_TABLE,
                "version_table_schema": SCHEMA,
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
            },
        )
        assert compare_metadata(context, Base.metadata) == []
        checks = select_checks(engine)
    modelled = {
        str(constraint.name)
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if str(constraint.name).startswith("ck_")
    }
    assert checks == modelled


def select_checks(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT conname FROM pg_constraint "
                "WHERE contype = 'c' AND connamespace = 'connections'::regnamespace"
            )
        )
        return set(rows.scalars())


def test_processes_that_migrate_at_once_take_turns(postgres_url: str, engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA connections CASCADE"))
        connection.commit()
    url = engine.url.render_as_string(hide_password=False)

    def run(_: int) -> None:
        own = make_engine(url)
        migrate(own)
        own.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    with engine.connect() as connection:
        versions = connection.execute(text(f"SELECT * FROM {SCHEMA}.{VERSION_TABLE}")).all()
    assert len(versions) == 1


def test_a_process_looks_for_migrations_once_unless_the_tables_are_others(
    settings: Settings, engine: Engine
) -> None:
    url = Secret(engine.url.render_as_string(hide_password=False).replace("+psycopg2", ""))
    given = replace(settings, database_url=url)
    looked: list[str] = []

    def note(*said: Any) -> None:
        if "pg_advisory_xact_lock" in said[2]:
            looked.append(said[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        for _ in range(3):
            with open_database(given):
                pass
        assert len(looked) == 1
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA connections CASCADE"))
        with open_database(given) as opened:
            assert inspect(opened).has_table("accounts", schema=SCHEMA)
        assert len(looked) == 2
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_errors_do_not_show_parameters(engine: Engine) -> None:
    with pytest.raises(IntegrityError) as error, engine.begin() as connection:
        connection.execute(
            text("INSERT INTO connections.credentials (id, account_id) VALUES (:i, :v)"),
            {"i": "00000000-0000-0000-0000-000000000000", "v": "acct_hunter2"},
        )
    assert "SQL parameters hidden" in str(error.value)
