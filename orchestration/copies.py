"""The files beside `published/marts.duckdb`: one account's alone, and Parquet.

They are made from that file, so neither the warehouse nor its lock is needed, and only where
something changed: the hash of every account's rows in every mart is compared with the one
recorded when its files were written. How one account's files are written is in
`account_files`, how files come to their place in `placing`.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from connections.publishing import Publish
from dlt_sources.stripe.sql import literal
from dlt_sources.stripe.warehouse import Warehouse
from orchestration.account_files import Mart, Touched, write_accounts
from orchestration.placing import KEPT, build_name, put_in_place, second_name
from orchestration.publish import ABOUT, MARTS_FILE, SPILLED, publish_marts
from orchestration.warehouse_lock import warehouse_lock

#: What was written, by account and mart. Without it everything is written again.
_RECORD = ".copies"
_STAGE = ".stage.new"

#: A mart that is about no account belongs to everybody; it is recorded under this id.
_EVERYBODY = ""

#: account id → mart → (rows, hash)
Hashes = Mapping[str, Mapping[str, tuple[int, int]]]


@dataclass(frozen=True)
class Copied:
    """What was written.

    Attributes:
        accounts: Accounts whose files were written.
        marts: Marts whose Parquet file of all accounts was written.
        removed: Accounts whose files were removed, as the marts do not know them any more.
    """

    accounts: int
    marts: int
    removed: int


def publish_everything(
    warehouse: Warehouse,
    published: Path,
    run_id: str,
    what: Collection[Publish],
    *,
    kept: timedelta = KEPT,
) -> None:
    """Publish the marts and all copies anew, also of accounts that have not changed.

    The caller may build. For what is not a sync: a purge, a restore.
    """
    publish_marts(warehouse, published, run_id, kept=kept)
    publish_copies(published, what, whole=True, kept=kept)


def publish_copies(
    published: Path,
    what: Collection[Publish],
    *,
    whole: bool = False,
    kept: timedelta = KEPT,
    on_wait: Callable[[str], None] | None = None,
) -> Copied:
    """Bring the copies to the state of `published/marts.duckdb`.

    Killed at any instant it leaves whole files; the next call writes what is missing. What is not
    to be published is removed, so that nobody reads old numbers for new ones.

    Args:
        published: The folder of published files.
        what: Which copies there are to be.
        whole: Whether to write everything, changed or not.
        kept: How long former files stay for readers that open a path more than once.
        on_wait: Called with a sentence if another process writes them.
    """
    with warehouse_lock(published.with_name("published.lock"), on_wait):
        stage = published / _STAGE
        shutil.rmtree(stage, ignore_errors=True)
        if Publish.PARQUET not in what:
            shutil.rmtree(published / "parquet", ignore_errors=True)
        if Publish.ACCOUNTS not in what:
            shutil.rmtree(published / "accounts", ignore_errors=True)
        if set(what) <= {Publish.ALL}:
            (published / _RECORD).unlink(missing_ok=True)
            return Copied(0, 0, 0)
        stage.mkdir(parents=True)
        with duckdb.connect() as connection:
            # Opened once: what comes into its place meanwhile is another call's.
            connection.execute(f"attach {literal(published / MARTS_FILE)} as source (read_only)")
            connection.execute(f"set temp_directory = {literal(stage / SPILLED)}")
            copied = _bring_up(connection, published, stage, what, whole, kept)
        shutil.rmtree(stage)
        return copied


def _bring_up(
    connection: duckdb.DuckDBPyConnection,
    published: Path,
    stage: Path,
    what: Collection[Publish],
    whole: bool,
    kept: timedelta,
) -> Copied:
    marts = _marts(connection)
    layout = _layout(connection, what)
    now = _hashes(connection, marts)
    former = {} if whole else _recorded(connection, published / _RECORD, layout)
    # From here to the end the files are between two states, which the record would not describe.
    (published / _RECORD).unlink(missing_ok=True)
    build = build_name()
    parquet = Publish.PARQUET in what
    written = 0
    if parquet:
        changed = _changed_marts(marts, now, former, published / "parquet")
        written = len(changed)
        _write_parquet(connection, published / "parquet", stage / "parquet", marts, changed)
        os.sync()
        put_in_place(stage / "parquet", published / "parquet", build, kept=kept)
    touched: list[Touched] = []
    removed = 0
    if Publish.ACCOUNTS in what:
        accounts = published / "accounts"
        touched = _touched(marts, now, former, accounts, parquet=parquet)
        write_accounts(connection, accounts, stage, marts, touched, build, parquet, kept)
        removed = _remove_unknown(accounts, now)
    # One wait for all files and names, not one each; the record must not be there before them.
    os.sync()
    _record(connection, published / _RECORD, layout, now)
    return Copied(len(touched), written, removed)


def _marts(connection: duckdb.DuckDBPyConnection) -> list[Mart]:
    rows = connection.execute(
        "select table_name, bool_or(column_name = 'account_id') from duckdb_columns()"
        " where database_name = 'source' group by table_name order by table_name"
    ).fetchall()
    return [Mart(name, of_accounts) for name, of_accounts in rows]


def _layout(connection: duckdb.DuckDBPyConnection, what: Collection[Publish]) -> str:
    """Files of another layout are all written anew."""
    version = connection.execute(f"select max(schema_version) from source.{ABOUT}").fetchone()  # noqa: S608
    return f"{version[0] if version else None} {','.join(sorted(what))} {duckdb.__version__}"


def _hashes(connection: duckdb.DuckDBPyConnection, marts: list[Mart]) -> Hashes:
    """Return rows and hash by account and mart; the order of the rows makes no difference."""
    found: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for mart in marts:
        # Which build it is makes no difference to the numbers, how fresh they are does.
        row = "row(as_of, last_synced_at)" if mart.name == ABOUT else "mart"
        who = "account_id" if mart.of_accounts else f"'{_EVERYBODY}'"
        for account_id, rows, value in connection.execute(
            # Equal rows cancel each other out in a xor, but not in a sum.
            f"select {who}, count(*), sum(hash({row})::hugeint) % 9223372036854775807"  # noqa: S608
            f" from source.{mart.quoted} as mart group by all"
        ).fetchall():
            found[account_id][mart.name] = (rows, int(value))
    return found


def _changed_marts(marts: list[Mart], now: Hashes, former: Hashes, directory: Path) -> set[str]:
    """Marts in which any account's rows are others, or whose file is missing."""
    changed = {mart.name for mart in marts if not (directory / mart.parquet).exists()}
    for account_id in now.keys() | former.keys():
        changed |= _differing(now.get(account_id, {}), former.get(account_id, {}))
    # Every set of files says of which build it is.
    return changed | {ABOUT}


def _touched(
    marts: list[Mart], now: Hashes, former: Hashes, accounts: Path, *, parquet: bool
) -> list[Touched]:
    """Accounts whose files must be written, and because of which marts."""
    expected = {MARTS_FILE, *(mart.parquet for mart in marts if parquet)}
    everybody = _differing(now.get(_EVERYBODY, {}), former.get(_EVERYBODY, {}))
    touched = []
    for account_id, hashes in now.items():
        if account_id == _EVERYBODY:
            continue
        directory = accounts / account_id
        there = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
        if expected <= there:
            changed = everybody | _differing(hashes, former.get(account_id, {}))
        else:
            changed = {mart.name for mart in marts}
        if changed:
            rows = {mart: count for mart, (count, _) in hashes.items()}
            touched.append(Touched(account_id, frozenset(changed | {ABOUT}), rows))
    return touched


def _differing(
    now: Mapping[str, tuple[int, int]], former: Mapping[str, tuple[int, int]]
) -> set[str]:
    return {mart for mart in now.keys() | former.keys() if now.get(mart) != former.get(mart)}


def _write_parquet(
    connection: duckdb.DuckDBPyConnection,
    present: Path,
    stage: Path,
    marts: list[Mart],
    changed: set[str],
) -> None:
    """All accounts' Parquet files, whole: those that have not changed are the same bytes."""
    stage.mkdir()
    for mart in marts:
        target = stage / mart.parquet
        if mart.name in changed:
            connection.execute(
                f"copy (from source.{mart.quoted}) to {literal(target)} (format parquet)"
            )
        else:
            second_name(present / mart.parquet, target)


def _remove_unknown(accounts: Path, now: Hashes) -> int:
    unknown = [path for path in accounts.iterdir() if path.is_dir() and path.name not in now]
    for path in unknown:
        shutil.rmtree(path)
    return len(unknown)


def _recorded(connection: duckdb.DuckDBPyConnection, record: Path, layout: str) -> Hashes:
    found: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    if record.exists():
        for account_id, mart, rows, value in connection.execute(
            "select account_id, mart, rows, hash from read_parquet(?) where layout = ?",
            [str(record), layout],
        ).fetchall():
            found[account_id][mart] = (rows, value)
    return found


def _record(
    connection: duckdb.DuckDBPyConnection, record: Path, layout: str, hashes: Hashes
) -> None:
    rows = [
        (account_id, mart, rows, value)
        for account_id, marts in hashes.items()
        for mart, (rows, value) in marts.items()
    ]
    aside = record.with_name(f"{record.name}.new")
    connection.execute(
        "copy (select $layout as layout, unnest($accounts)::varchar as account_id,"
        " unnest($marts)::varchar as mart, unnest($rows)::bigint as rows,"
        f" unnest($hashes)::bigint as hash) to {literal(aside)} (format parquet)",
        {
            "layout": layout,
            **{
                name: [row[index] for row in rows]
                for index, name in enumerate(("accounts", "marts", "rows", "hashes"))
            },
        },
    )
    aside.replace(record)
