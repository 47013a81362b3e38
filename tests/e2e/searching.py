"""Searching every byte that a deployment wrote, and every row of its databases."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import duckdb
from sqlalchemy import text
from sqlalchemy.engine import Engine


def forms_of(canary: str) -> set[bytes]:
    """The ways in which a text could have been written: plain, encoded, escaped."""
    raw = canary.encode()
    encoded = {
        # The beginning of the text, as base64 of a longer one shares only that.
        base64.b64encode(raw)[: len(raw) * 4 // 3 - 4],
        base64.b64encode(raw + b":")[: len(raw) * 4 // 3 - 4],
        raw.hex().encode(),
        quote(canary, safe="").encode(),
        canary.encode("utf-16-le"),
    }
    return {raw, *(form for form in encoded if len(form) > 8)}


def found_in_files(directories: Iterable[Path], canaries: Iterable[str]) -> set[tuple[str, str]]:
    """Which canaries are in which files, by canary and path."""
    wanted = {form: canary for canary in canaries for form in forms_of(canary)}
    found = set()
    for path in _files(directories):
        content = path.read_bytes()
        for form, canary in wanted.items():
            if form in content:
                found.add((canary, str(path)))
    return found


def found_in_warehouse(path: Path, canaries: Iterable[str]) -> set[tuple[str, str]]:
    """Which canaries are in which tables of a DuckDB file, whose texts may be compressed."""
    found = set()
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
            " where database_name = current_database()"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(
                "select c from (select unnest(?::varchar[]) as c)"
                f" where exists (select 1 from {table} t where contains(t::varchar, c))",
                [list(canaries)],
            ).fetchall()
            found |= {(canary, table) for (canary,) in rows}
    return found


def found_in_postgres(engine: Engine, canaries: Iterable[str]) -> set[tuple[str, str]]:
    """Which canaries are in which tables of Postgres, whose long values are compressed."""
    found = set()
    with engine.connect() as connection:
        tables = connection.execute(
            text(
                "SELECT schemaname || '.' || tablename FROM pg_tables"
                " WHERE schemaname IN ('connections', 'public')"
            )
        ).scalars()
        for table in list(tables):
            content = "\n".join(
                connection.execute(text(f"SELECT t::text FROM {table} t")).scalars()
            )
            found |= {(canary, table) for canary in canaries if canary in content}
    return found


def _files(directories: Iterable[Path]) -> Iterator[Path]:
    for directory in directories:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path
