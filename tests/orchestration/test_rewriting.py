"""The warehouse file without an account: its bytes are gone, the others' rows are as they were."""

import os
import signal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import rewriting
from orchestration.rewriting import delete_account, rewritten, tables_of_accounts

CANARY = "canary-7f3a@example.com"


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """Two accounts over several schemas, stored uncompressed so that a search finds bytes."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(config={"force_compression": "uncompressed"}) as connection:
        connection.execute(f"attach '{path}' as warehouse")
        connection.execute("use warehouse")
        for schema in ("raw_stripe", "staging", "marts"):
            connection.execute(f"create schema {schema}")
            connection.execute(
                f"create table {schema}.customers (account_id varchar not null, id varchar,"
                " object json, amount decimal(38, 6), tags varchar[], primary key (account_id, id))"
            )
            connection.execute(
                f"insert into {schema}.customers select 'acct_' || (i % 2), i::varchar,"
                f" '{{\"email\": \"' || i || '{CANARY[:6]}' || (i % 2) || '{CANARY[6:]}\"}}',"
                " i / 3, [i::varchar] from range(5000) t(i)"
            )
        connection.execute("create table marts.currencies as select 'usd' as currency")
        connection.execute("create view marts.names as select id from marts.customers")
        connection.execute("use memory")
        connection.execute("detach warehouse")
    return path


def rows_of(path: Path, account_id: str) -> dict[str, Any]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return {
            table: connection.execute(
                f"select count(*), bit_xor(hash(t)) from {table} t where account_id = ?",
                [account_id],
            ).fetchone()
            for table in tables_of_accounts(connection)
        }


def canaries(path: Path, account: int) -> int:
    return path.read_bytes().count(f"{CANARY[:6]}{account}{CANARY[6:]}".encode())


def test_deleting_alone_leaves_the_bytes_and_rewriting_does_not(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**rewriting.SETTINGS, "force_compression": "uncompressed"}
    monkeypatch.setattr(rewriting, "SETTINGS", settings)
    others = rows_of(warehouse, "acct_0")
    assert canaries(warehouse, 1) >= 7500
    with duckdb.connect(str(warehouse)) as connection:
        assert delete_account(connection, "acct_1") == 7500
        connection.execute("checkpoint")
    assert canaries(warehouse, 1) >= 2500, "a deleted row's bytes stay in the file"
    with rewritten(warehouse) as connection:
        assert delete_account(connection, "acct_1") == 0
    assert canaries(warehouse, 1) == 0
    assert canaries(warehouse, 0) >= 7500
    assert rows_of(warehouse, "acct_0") == others
    assert [path.name for path in warehouse.parent.iterdir()] == ["warehouse.duckdb"]


def test_the_rest_of_the_database_is_kept(warehouse: Path) -> None:
    def shape(path: Path) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(path), read_only=True) as connection:
            return connection.execute(
                "select table_schema, table_name, column_name, data_type, is_nullable"
                " from information_schema.columns where table_catalog = current_database()"
                " union all select schema_name, table_name, constraint_type, expression, ''"
                " from duckdb_constraints() where database_name = current_database() order by all"
            ).fetchall()

    before = shape(warehouse)
    with rewritten(warehouse) as connection:
        delete_account(connection, "acct_1")
    assert shape(warehouse) == before
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert connection.execute("select * from marts.currencies").fetchall() == [("usd",)]
        assert len(connection.execute("select * from marts.names").fetchall()) == 2500


@pytest.mark.parametrize("moment", ["after the deletion", "before the rename"])
def test_killed_it_leaves_a_whole_file_and_is_ended_by_the_next(
    warehouse: Path, moment: str
) -> None:
    others = rows_of(warehouse, "acct_0")
    child = os.fork()
    if not child:
        try:
            if moment == "before the rename":
                rewriting.sync_to_disk = lambda path: os.kill(os.getpid(), signal.SIGKILL)
            with rewritten(warehouse) as connection:
                delete_account(connection, "acct_1")
                if moment == "after the deletion":
                    os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert rows_of(warehouse, "acct_0") == others
    with rewritten(warehouse) as connection:
        delete_account(connection, "acct_1")
    assert rows_of(warehouse, "acct_0") == others
    assert {counted[0] for counted in rows_of(warehouse, "acct_1").values()} == {0}
    assert [path.name for path in warehouse.parent.iterdir()] == ["warehouse.duckdb"]
