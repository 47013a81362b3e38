"""Backups: whole or refused, put in place whole or not at all."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from connections.errors import SettingsError
from connections.models import AccountStatus, AuthKind, RequestKind
from connections.postgres import open_database
from connections.requests import request_sync
from connections.rows import transaction
from connections.service_lock import ServiceRunsError, hold_service_lock
from connections.settings import Settings
from connections.sync_reports import unfinished_syncs
from connections.syncs import begin_sync
from orchestration.backup import BackupRefused, backups_in, take_backup
from orchestration.backup_file import BackupUnusable
from orchestration.restore import RestoreRefused, restore_backup
from orchestration.warehouse_lock import warehouse_lock
from tests.connections.conftest import NOW
from tests.orchestration.warehouses import set_clock

pytestmark = pytest.mark.e2e

#: In a process of its own, so that it can be killed.
RESTORE = """
import sys
from pathlib import Path
from orchestration.restore import restore_backup
restore_backup(Path(sys.argv[1]), force=True)
"""
BACKUP = (
    RESTORE.replace("restore_backup", "take_backup")
    .replace(".restore", ".backup")
    .replace(", force=True", "")
)


@pytest.fixture
def home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with one account and three readings, on a database of its own."""
    monkeypatch.setenv("DASHTRAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.delenv("DASHTRAY_ENCRYPTION_KEY", raising=False)
    settings = Settings.from_environment()
    add_account("acct_1")
    fill(settings.warehouse_path, 3)
    return settings


def add_account(account_id: str) -> None:
    from connections.models import Account

    with open_database(Settings.from_environment()) as engine, transaction(engine) as session:
        session.add(
            Account(
                account_id=account_id,
                last_error="Tab\there \\ and\nnewline, Ünïcode",
                tier="pro",
                status=AccountStatus.CONNECTED,
                auth_kind=AuthKind.CONNECT_OAUTH,
                livemode=False,
                api_base="https://api.stripe.com",
                connect_base="https://connect.stripe.com",
                connected_at=NOW,
                created_at=NOW,
                first_import_finished_at=NOW,
            )
        )


def fill(warehouse: Path, rows: int) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema if not exists raw_stripe")
        connection.execute("create schema if not exists marts")
        connection.execute(f"create or replace table raw_stripe.charges as from range({rows}) t(n)")
        connection.execute("create or replace view marts.v as from raw_stripe.charges")
        connection.execute("create or replace table marts.metrics as from raw_stripe.charges")
    set_clock(warehouse, {"acct_1": 0})


def charges(path: Path, table: str = "raw_stripe.charges") -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        row = connection.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return int(row[0])


def state(settings: Settings) -> tuple[int, list[str]]:
    """What a home holds: readings, and accounts with their last errors."""
    with open_database(settings) as engine, engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "select account_id || last_error from connections.accounts order by 1"
        ).scalars()
        return charges(settings.warehouse_path), list(rows)


def change(settings: Settings) -> None:
    """Go on after the backup: another account, more readings, and work on its way."""
    add_account("acct_2")
    fill(settings.warehouse_path, 5)
    package = settings.runs_dir / "run-after-the-backup"
    package.mkdir(parents=True)
    (package / "complete").write_text("{}")


def test_what_was_backed_up_comes_back_and_nothing_newer(home: Settings, tmp_path: Path) -> None:
    before = state(home)
    rates = home.home / "exchange_rates.csv"
    rates.write_text("the operator's rates")
    taken = take_backup(tmp_path / "b.tar")
    rates.write_text("later ones")
    assert (taken.accounts, taken.warehouse_rows) == (1, 3 + 1)
    assert taken.path.stat().st_mode & 0o077 == 0
    change(home)

    restored = restore_backup(taken.path, force=True)

    assert restored.accounts == 1
    assert state(home) == before
    assert rates.read_text() == "the operator's rates"
    own = home.published_dir / "accounts" / "acct_1"
    for file in (home.published_dir / "marts.duckdb", own / "marts.duckdb"):
        assert charges(file, "metrics") == 3
    assert (own / "metrics.parquet").exists()
    # Read after the backup's cursors: loaded, it would leave a hole.
    assert not home.runs_dir.exists()
    assert not home.restore_dir.exists()


def test_work_on_its_way_is_free_again_and_numbers_go_on(home: Settings, tmp_path: Path) -> None:
    with open_database(home) as engine:
        request_sync(engine, "acct_1", RequestKind.MANUAL)
        begin_sync(engine, "run-1", ["acct_1"], RequestKind.MANUAL)
        taken = take_backup(tmp_path / "b.tar")

        restore_backup(taken.path, force=True)

        assert unfinished_syncs(engine) == []
        again = request_sync(engine, "acct_1", RequestKind.MANUAL)
        assert again.id == 2


def test_data_that_are_there_are_not_replaced_unasked(home: Settings, tmp_path: Path) -> None:
    taken = take_backup(tmp_path / "b.tar")
    before = state(home)
    with pytest.raises(RestoreRefused, match="--force"):
        restore_backup(taken.path)
    home.warehouse_path.unlink()
    with pytest.raises(RestoreRefused, match="accounts in Postgres"):
        restore_backup(taken.path)
    restore_backup(taken.path, force=True)
    assert state(home) == before


def test_not_while_the_service_runs(home: Settings, tmp_path: Path) -> None:
    taken = take_backup(tmp_path / "b.tar")
    with hold_service_lock(home), pytest.raises(ServiceRunsError, match="Stop it"):
        restore_backup(taken.path, force=True)


def flipped(content: bytes) -> bytes:
    place = content.index(b"acct_1")
    return content[:place] + b"acct_9" + content[place + 6 :]


def remade(content: bytes, **changes: object) -> bytes:
    """The same backup with another manifest."""
    target = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(content)) as old,
        tarfile.open(fileobj=target, mode="w") as new,
    ):
        for member in old.getmembers():
            source = old.extractfile(member)
            assert source is not None
            data = source.read()
            if member.name == "manifest.json":
                data = json.dumps({**json.loads(data), **changes}).encode()
                member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return target.getvalue()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flipped, "checksum"),
        (lambda content: content[: len(content) // 2], "not a whole backup"),
        (lambda _: b"", "not a whole backup"),
        (lambda content: remade(content, format=2), "format 2"),
        (lambda content: remade(content, schema_revision="9999"), "newer version"),
        (lambda content: remade(content, warehouse={"raw_stripe.charges": 4}), "rows"),
    ],
)
def test_a_backup_that_cannot_be_trusted_changes_nothing(
    home: Settings, tmp_path: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    taken = take_backup(tmp_path / "b.tar")
    taken.path.write_bytes(damage(taken.path.read_bytes()))
    before = state(home)

    with pytest.raises(BackupUnusable, match=said):
        restore_backup(taken.path, force=True)

    assert state(home) == before
    assert not home.restore_dir.exists()


def test_a_directory_keeps_the_newest(home: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with pytest.raises(BackupRefused, match="no directory"):
        take_backup(folder / "b.tar")
    folder.mkdir()
    for day in ("01", "02"):
        (folder / f"dashtray-202601{day}T000000Z.tar").write_bytes(b"")
    taken = take_backup(folder, keep=2)
    assert [path.name for path in taken.removed] == ["dashtray-20260101T000000Z.tar"]
    assert backups_in(folder)[0] == taken.path
    with pytest.raises(BackupRefused, match="exists already"):
        take_backup(taken.path)
    assert restore_backup(folder, force=True).source == str(taken.path)


def killed_when(program: str, target: Path, seen: Callable[[], bool]) -> bool:
    """Run a program until something is seen, kill it; False when it was faster than that."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(target)], env=os.environ.copy(), cwd=Path.cwd()
    )
    while not seen():
        if process.poll() is not None:
            return False
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return True


def test_a_killed_backup_leaves_none_and_the_next_one_tidies(
    home: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    with warehouse_lock(home.warehouse_lock_path):  # it stands still there
        assert killed_when(BACKUP, folder, lambda: bool(list(folder.glob(".*.partial"))))
    assert backups_in(folder) == []

    taken = take_backup(folder)

    assert list(folder.iterdir()) == [taken.path]
    assert restore_backup(taken.path, force=True).accounts == 1


@pytest.mark.parametrize("seen", ["warehouse.duckdb", "published", "ready.new", "ready"])
def test_a_killed_restore_leaves_the_old_or_is_finished(
    home: Settings, tmp_path: Path, seen: str
) -> None:
    backed_up = state(home)
    taken = take_backup(tmp_path / "b.tar")
    change(home)
    changed = state(home)

    killed_when(RESTORE, taken.path, (home.restore_dir / seen).exists)

    if home.restore_mark.exists():
        with pytest.raises(SettingsError, match="dashtray restore"):
            Settings.from_environment()
        with pytest.raises(RestoreRefused, match="Finish it"):
            restore_backup(taken.path, force=True)
        restore_backup(None)
        assert state(home) == backed_up
    else:
        assert state(home) in (changed, backed_up)
        restore_backup(taken.path, force=True)
        assert state(home) == backed_up
    assert not home.restore_dir.exists()
