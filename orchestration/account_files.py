"""Writing the files of single accounts: a DuckDB file with its rows alone, and Parquet.

Which accounts, and why, is decided in `copies`. The numbers behind the choices made here are in
docs/decisions/0031.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb

from dlt_sources.stripe.sql import identifier, literal
from orchestration.placing import put_in_place, second_name
from orchestration.publish import ABOUT, MARTS_FILE, STORAGE_VERSION

#: Tables that change at every sync though nothing else does: they hold no personal data, so they
#: may be replaced within a copy of the former file, whose unused blocks keep their bytes.
_CLOCKS = frozenset({ABOUT, "dim_accounts"})

#: Up to so many rows an account's file is written in small blocks and uncompressed.
_SMALL = 20_000
#: Accounts and rows that are taken out of the marts at a time.
_AT_ONCE = 200
_ROWS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Mart:
    """A published table; `of_accounts` tells whether it has a column `account_id`."""

    name: str
    of_accounts: bool

    @property
    def quoted(self) -> str:
        """The name as SQL wants it."""
        return identifier(self.name)

    @property
    def parquet(self) -> str:
        """The name of its Parquet file."""
        return f"{self.name}.parquet"


@dataclass(frozen=True)
class Touched:
    """An account whose files must be written.

    Attributes:
        account_id: The account.
        marts: The marts that are not as they were.
        rows: Its rows, by mart; marts without any may be absent.
    """

    account_id: str
    marts: frozenset[str]
    rows: Mapping[str, int]

    @property
    def size(self) -> int:
        """Its rows in all marts."""
        return sum(self.rows.values())


def write_accounts(
    connection: duckdb.DuckDBPyConnection,
    accounts: Path,
    stage: Path,
    marts: Sequence[Mart],
    touched: Sequence[Touched],
    build: str,
    parquet: bool,
    kept: timedelta,
) -> None:
    """Write the files of accounts and put them in place.

    Args:
        connection: Has the published file attached as `source`.
        accounts: The folder of all accounts' folders.
        stage: A folder on the same file system to work in.
        marts: All of them.
        touched: Whose files, and what has changed in them.
        build: The name of this build.
        parquet: Whether to write Parquet too.
        kept: How long former files stay.
    """
    accounts.mkdir(exist_ok=True)
    connection.execute(f"set partitioned_write_max_open_files = {_AT_ONCE + 1}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for chunk in _chunks(touched):
            work = stage / "accounts"
            work.mkdir()
            _take_out(connection, marts, chunk)
            if parquet:
                partition = partial(_write_parquet, connection, work / "parquet", chunk)
                list(pool.map(partition, marts))
            write = partial(_write_account, connection, accounts, work, marts, parquet)
            staged = list(pool.map(write, chunk))
            # One wait for all their files.
            os.sync()
            for account, directory in zip(chunk, staged, strict=True):
                put_in_place(directory, accounts / account.account_id, build, kept=kept)
            shutil.rmtree(work)


def _chunks(touched: Sequence[Touched]) -> Iterator[list[Touched]]:
    """Accounts of like size together, not too many rows at a time."""
    chunk: list[Touched] = []
    for account in sorted(touched, key=lambda each: each.size):
        rows = sum(each.size for each in chunk) + account.size
        grown = chunk and chunk[-1].size <= _SMALL < account.size
        if chunk and (grown or len(chunk) == _AT_ONCE or rows > _ROWS_AT_ONCE):
            yield chunk
            chunk = []
        chunk.append(account)
    if chunk:
        yield chunk


def _take_out(
    connection: duckdb.DuckDBPyConnection, marts: Sequence[Mart], chunk: Sequence[Touched]
) -> None:
    """Make the relations `chunk.main.<mart>` with the rows of these accounts.

    The files that are written from them are compressed or not as `_SMALL` says.
    """
    # Reading once for all, not once per account; what is one account's need not be held.
    kind, order = ("view", "") if len(chunk) == 1 else ("table", " order by account_id")
    small = all(account.size <= _SMALL for account in chunk)
    # Many accounts are written side by side; threads within a statement cost a third more then.
    connection.execute(f"set threads = {1 if len(chunk) > 1 else os.cpu_count()}")
    connection.execute(f"set force_compression = '{'uncompressed' if small else 'auto'}'")
    connection.execute("detach database if exists chunk")
    connection.execute("attach ':memory:' as chunk")
    for mart in marts:
        of = f" where account_id in ({_listed(chunk)}){order}" if mart.of_accounts else ""
        connection.execute(
            f"create {kind} chunk.main.{mart.quoted} as from source.main.{mart.quoted}{of}"
        )


def _write_parquet(
    connection: duckdb.DuckDBPyConnection,
    directory: Path,
    chunk: Sequence[Touched],
    mart: Mart,
) -> None:
    """Write `<mart>/of=<account_id>/data_0.parquet`, where the mart has changed and has rows.

    One pass per mart costs half of what a statement per file does. Beside them, for those without
    rows and for marts of everybody, `<mart>/<mart>.parquet`.
    """
    target = directory / mart.name
    target.mkdir(parents=True)
    none = " limit 0" if mart.of_accounts else ""
    changed = [account for account in chunk if mart.name in account.marts]
    with connection.cursor() as cursor:
        cursor.execute(
            f"copy (from chunk.main.{mart.quoted}{none})"
            f" to {literal(target / mart.parquet)} (format parquet)"
        )
        if mart.of_accounts and changed:
            cursor.execute(
                f"copy (select *, account_id as of from chunk.main.{mart.quoted}"  # noqa: S608
                f" where account_id in ({_listed(changed)})) to {literal(target)}"
                " (format parquet, partition_by (of), overwrite_or_ignore)"
            )


def _write_account(
    connection: duckdb.DuckDBPyConnection,
    accounts: Path,
    work: Path,
    marts: Sequence[Mart],
    parquet: bool,
    account: Touched,
) -> Path:
    """Write one account's files; returns the folder that they are in."""
    present = accounts / account.account_id
    directory = work / account.account_id
    directory.mkdir()
    file = directory / MARTS_FILE
    if account.marts <= _CLOCKS:
        shutil.copyfile(present / MARTS_FILE, file)
        replaced = [mart for mart in marts if mart.name in account.marts]
    else:
        replaced = list(marts)
    _write_duckdb(connection, file, replaced, account)
    for mart in marts if parquet else ():
        made = work / "parquet" / mart.name
        target = directory / mart.parquet
        if mart.name not in account.marts:
            second_name(present / mart.parquet, target)
        elif mart.of_accounts and account.rows.get(mart.name):
            (made / f"of={account.account_id}" / "data_0.parquet").rename(target)
        else:
            second_name(made / mart.parquet, target)
    return directory


def _write_duckdb(
    connection: duckdb.DuckDBPyConnection, file: Path, marts: Sequence[Mart], account: Touched
) -> None:
    """Write these marts into the file, in one transaction."""
    own = f"account_id = {literal(account.account_id)}"
    name = f'"{account.account_id}"'
    options = [f"storage_version '{STORAGE_VERSION}'", "recovery_mode no_wal_writes"]
    if not file.exists() and account.size <= _SMALL:
        options.append("block_size 16384")
    with connection.cursor() as cursor:
        cursor.execute(f"attach {literal(file)} as {name} ({', '.join(options)})")
        cursor.execute("begin")
        for mart in marts:
            of = f" where {own}" if mart.of_accounts else ""
            cursor.execute(
                f"create or replace table {name}.main.{mart.quoted} as"
                f" from chunk.main.{mart.quoted}{of}"
            )
        cursor.execute("commit")
        cursor.execute(f"detach {name}")


def _listed(chunk: Sequence[Touched]) -> str:
    return ", ".join(literal(account.account_id) for account in chunk)
