"""Purging an account: everything that is stored of it goes, the other accounts' data stay.

The steps are in the order in which data travel, and each can be done again: a purge that was
killed is ended by the next one. Postgres knows the account until the last step.
"""

from __future__ import annotations

import mmap
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import Engine

from connections.erasing import (
    delete_account_rows,
    discard_dead_bytes,
    erase_id,
    placeholder,
)
from connections.errors import AccountStateError, UnknownAccountError
from connections.postgres import open_database
from connections.settings import Settings
from connections.sync_reports import unfinished_syncs
from connections.syncs import free_dead_syncs
from dlt_sources.stripe import load_extraction
from orchestration.copies import publish_everything
from orchestration.rewriting import delete_account, rewritten
from orchestration.warehouse import building, warehouse_of

_ACCOUNT_ID = re.compile(r"acct_[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Purged:
    """What a purge found.

    Attributes:
        warehouse_rows: Rows deleted from the warehouse.
        postgres_rows: Rows deleted or changed in Postgres.
        files: Files removed or overwritten.
        remarks: What is left to people, as sentences.
    """

    warehouse_rows: int
    postgres_rows: int
    files: int
    remarks: tuple[str, ...]


def purge_account(account_id: str, on_step: Callable[[str], None] | None = None) -> Purged:
    """Erase an account that was disconnected, wherever it is stored under the home or in Postgres.

    Args:
        account_id: The account; one that Postgres does not know any more may be purged too.
        on_step: Called with a sentence before each step.

    Raises:
        UnknownAccountError: That is no account's id.
        AccountStateError: A run is syncing it.
    """
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise UnknownAccountError(f"{account_id!r} is not the id of an account (acct_…).")
    say = on_step or (lambda step: None)
    settings = Settings.from_environment()
    with open_database(settings) as engine:
        _require_idle(engine, account_id)
        say("Waiting for the warehouse ...")
        with building(settings):
            warehouse_rows = _purge_warehouse(settings, account_id, say)
        say("Removing its files ...")
        files = _purge_files(settings, account_id)
        say("Erasing it from the history of runs ...")
        postgres_rows = erase_id(engine, account_id)
        say("Erasing its account ...")
        postgres_rows += delete_account_rows(engine, account_id)
        say("Rewriting the tables of Postgres ...")
        remarks = discard_dead_bytes(engine, embedded=settings.database_url is None)
    if settings.lake is not None:
        remarks.append(
            "The lake's catalogue keeps the smallest and the largest value of each column, which "
            "may be of this account until the tables are built anew."
        )
    remarks.append("Backups that were made before still hold it, until you remove them.")
    return Purged(warehouse_rows, postgres_rows, files, tuple(remarks))


def _require_idle(engine: Engine, account_id: str) -> None:
    free_dead_syncs(engine)
    for sync in unfinished_syncs(engine):
        if sync.account_id == account_id:
            raise AccountStateError(
                f"The run {sync.run_id} is syncing {account_id}. Wait for its end, or cancel it in "
                "the Dagster UI; then purge again."
            )


def _purge_warehouse(settings: Settings, account_id: str, say: Callable[[str], None]) -> int:
    """Delete the account's rows, write the file anew, publish what is left."""
    say("Loading what killed runs left ...")
    warehouse = warehouse_of(settings)
    load_extraction(settings.runs_dir, warehouse=warehouse)
    rows = 0
    if warehouse.exists():
        say("Deleting its rows and rewriting the warehouse ...")
        with rewritten(warehouse) as connection:
            rows = delete_account(connection, account_id)
    if (settings.published_dir / "marts.duckdb").exists():
        say("Publishing without it ...")
        # Also what is kept for readers of former files.
        publish_everything(
            warehouse,
            settings.published_dir,
            "purge",
            settings.publish,
            kept=timedelta(0),
        )
    return rows


def _purge_files(settings: Settings, account_id: str) -> int:
    """Remove what is named after the account, and overwrite its id in other files."""
    count = 0
    whole = _whole(account_id)
    for path in list(_places(settings)):
        if whole.search(os.fsencode(path.name)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            count += 1
        elif path.is_file() and not path.is_symlink():
            count += _overwrite(path, account_id)
    return count


def _whole(account_id: str) -> re.Pattern[bytes]:
    """Finds the id; one that only begins with it is another account's."""
    return re.compile(re.escape(account_id.encode()) + rb"(?![A-Za-z0-9_])")


def _places(settings: Settings) -> Iterator[Path]:
    """Everything under the home but what is rewritten as a whole, and keys."""
    rewritten_otherwise = {
        settings.warehouse_path,
        settings.published_dir / "marts.duckdb",
        settings.postgres_dir / "data",
        settings.keys_dir,
        *([Path(settings.lake.data)] if settings.lake and not settings.lake.bucket else []),
    }

    def below(directory: Path) -> Iterator[Path]:
        for path in sorted(directory.iterdir()):
            if path in rewritten_otherwise:
                continue
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from below(path)

    yield from below(settings.home)


def _overwrite(path: Path, account_id: str) -> bool:
    """Write the placeholder over the id, in place: a log may be open in another process."""
    stand_in = placeholder(account_id).encode()
    try:
        if not path.stat().st_size:
            return False
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
            places = [found.span() for found in _whole(account_id).finditer(content)]
            for start, end in places:
                content[start:end] = stand_in
    except FileNotFoundError:
        return False
    return bool(places)
