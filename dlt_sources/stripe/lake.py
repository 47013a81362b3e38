"""A lake in the place of the warehouse file: a catalogue in Postgres, data in Parquet.

How a lake is attached belongs here, and how its catalogue's password and its bucket's keys stay out
of SQL and so out of every error and log. Who calls is in `warehouse`; what a lake cannot do that a
file can is in docs/decisions/0032.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import duckdb
import psycopg2

from dlt_sources.stripe.sql import literal

CATALOG = "warehouse"
"""The name under which a warehouse is attached, file or lake: dbt's manifest carries it."""

WRITERS = 0x64617368_6C616B65
"""The advisory lock of the lake's writers, in the catalogue's database: "dashlake"."""

RETRIES = 12
"""How often DuckLake tries a commit again that another was in the way of: 25 s in all."""

_OPTIONS = {
    # As in the file (docs/decisions/0014): a row group is in memory as a whole, and JSON of one
    # kind repeats its keys.
    "parquet_row_group_size": "8192",
    "parquet_compression": "zstd",
    # Few rows in the catalogue instead of in a file: a table that has rows and deletions in both
    # ends DuckDB 1.5.5 with an internal error.
    "data_inlining_row_limit": "0",
}
_EXTENSIONS = ("postgres_scanner", "ducklake")
_FOR_S3 = "httpfs"


class LakeUnusable(Exception):
    """The lake cannot be opened as it is configured; the message says what to do."""


@dataclass(frozen=True)
class Bucket:
    """How an S3 bucket is reached.

    Attributes:
        key_id: The access key's id.
        secret: The secret key.
        session_token: Of temporary keys.
        region: The bucket's region.
        endpoint: Another server than AWS's, `http(s)://host[:port]`.
    """

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str = "us-east-1"
    endpoint: str | None = None


@dataclass(frozen=True)
class Lake:
    """Where a lake is.

    Attributes:
        catalogue: Parameters of a Postgres connection as libpq writes them, without the password.
        data: A directory or `s3://bucket/prefix`, of the Parquet files.
        schema: The schema of the catalogue's database that DuckLake's own tables lie in.
        password: The catalogue's password.
        bucket: How the data are reached; None for a directory.
        serving: Keeps the catalogue's server running while a block lasts.
    """

    catalogue: str
    data: str
    schema: str
    password: str | None = field(default=None, repr=False)
    bucket: Bucket | None = None
    serving: Callable[[], AbstractContextManager[object]] = field(
        default=nullcontext, repr=False, compare=False
    )

    def __str__(self) -> str:
        return f"the lake in {self.data}"

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self)

    @property
    def dsn(self) -> str:
        """The catalogue's connection parameters; the password is in no text, but in a file."""
        if self.password is None:
            return self.catalogue
        return f"{self.catalogue} passfile={_passfile(self.password)}"

    def exists(self) -> bool:
        """Whether anything was ever written into it.

        Raises:
            LakeUnusable: The catalogue cannot be reached.
        """
        with (
            self.serving(),
            closing(self.connect()) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("select to_regclass(%s)", [f"{self.schema}.ducklake_metadata"])
            row = cursor.fetchone()
        return bool(row and row[0])

    @contextmanager
    def writers(self, *, alone: bool) -> Iterator[None]:
        """Be one of the lake's writers, or its only one, until the block ends.

        Moving rows from one file to another beside a transaction that deletes them loses what it
        deletes (DuckDB 1.5.5), so upkeep is done alone. Who waits to be alone is waited for by
        those who come later. The lock ends with the process, however that ends.

        Raises:
            LakeUnusable: The catalogue cannot be reached.
        """
        with self.serving(), closing(self.connect()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                lock = "pg_advisory_lock" if alone else "pg_advisory_lock_shared"
                cursor.execute(f"select {lock}(%s)", [WRITERS])
                yield

    def attach(self, connection: duckdb.DuckDBPyConnection, *, read_only: bool = False) -> None:
        """Attach the lake to a connection as `CATALOG`; made if it is not there.

        Raises:
            LakeUnusable: An extension is missing, or catalogue or data cannot be reached.
        """
        for extension in (*_EXTENSIONS, *([_FOR_S3] if self.bucket else ())):
            connection.execute(f"load {literal(_extension(extension))}")
        connection.execute(f"set ducklake_max_retry_count = {RETRIES}")
        if self.bucket:
            _open_bucket(connection, self.bucket)
        else:
            Path(self.data).mkdir(parents=True, exist_ok=True)
        options = [
            f"metadata_schema {literal(self.schema)}",
            f"data_path {literal(self._data_path())}",
            "data_inlining_row_limit 0",  # as in _OPTIONS, which a new lake has not yet
        ]
        if read_only:
            options.append("read_only")
        attach = (
            f"attach if not exists {literal(f'ducklake:postgres:{self.dsn}')} as {CATALOG}"
            f" ({', '.join(options)})"
        )
        try:
            try:
                connection.execute(attach)
            except duckdb.Error:
                # Two that find no lake both make one, and the second fails.
                connection.execute(attach)
            if not read_only:
                _set_options(connection)
        except duckdb.Error as error:
            raise LakeUnusable(
                f"The lake cannot be opened: {_one_line(error)}. Check DASHTRAY_WAREHOUSE and "
                "DASHTRAY_LAKE_DATA."
            ) from None

    def _data_path(self) -> str:
        return self.data if self.data.endswith("/") else f"{self.data}/"

    def connect(self) -> psycopg2.extensions.connection:
        """Connect to the catalogue's database.

        Raises:
            LakeUnusable: It cannot be reached.
        """
        try:
            return psycopg2.connect(self.dsn, connect_timeout=10)
        except psycopg2.OperationalError as error:
            raise LakeUnusable(
                f"The lake's catalogue cannot be reached: {_one_line(error)}. Check "
                "DASHTRAY_WAREHOUSE."
            ) from None


def _set_options(connection: duckdb.DuckDBPyConnection) -> None:
    """Say how files are written, once: it is kept in the catalogue."""
    query = f"select option_name, value from ducklake_options('{CATALOG}')"  # noqa: S608
    there = dict(connection.execute(query).fetchall())
    for name, value in _OPTIONS.items():
        if there.get(name) != value:
            connection.execute(f"call {CATALOG}.set_option('{name}', '{value}')")


def _open_bucket(connection: duckdb.DuckDBPyConnection, bucket: Bucket) -> None:
    """Give the connection the bucket's keys, as a secret that DuckDB shows to nobody."""
    options = [
        "type s3",
        f"key_id {literal(bucket.key_id)}",
        f"secret {literal(bucket.secret)}",
        f"region {literal(bucket.region)}",
    ]
    if bucket.session_token:
        options.append(f"session_token {literal(bucket.session_token)}")
    if bucket.endpoint:
        scheme, _, host = bucket.endpoint.rstrip("/").partition("://")
        options += [
            f"endpoint {literal(host)}",
            f"use_ssl {'true' if scheme == 'https' else 'false'}",
            # Servers other than AWS's seldom have a name per bucket.
            "url_style 'path'",
        ]
    try:
        connection.execute(f"create or replace secret lake_data ({', '.join(options)})")
    except duckdb.Error:
        # DuckDB's words may hold the statement, and with it the keys.
        raise LakeUnusable(
            "The bucket's keys cannot be used. Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, "
            "AWS_REGION and AWS_ENDPOINT_URL."
        ) from None


@lru_cache
def _extension(name: str) -> str:
    """The path of an extension that a package brought: nothing is downloaded at run time."""
    package = f"duckdb_extension_{name}"
    found = importlib.util.find_spec(package)
    for folder in (found.submodule_search_locations or ()) if found else ():
        file = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if file.exists():
            return str(file)
    raise LakeUnusable(
        f"DuckDB's extension {name} for version {duckdb.__version__} is not installed, which a "
        "lake needs. Install the extra `lake`: pip install 'dashtray-stripe[lake]'."
    )


@lru_cache
def _passfile(password: str) -> str:
    """A password file as libpq reads it, in this process's memory.

    In the connection's parameters the password would stand in DuckDB's errors, and a file on the
    disk would outlive us.
    """
    descriptor = os.memfd_create("lake-password", os.MFD_CLOEXEC)
    os.fchmod(descriptor, 0o600)
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    os.write(descriptor, f"*:*:*:*:{escaped}\n".encode())
    return f"/proc/self/fd/{descriptor}"


def _one_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
