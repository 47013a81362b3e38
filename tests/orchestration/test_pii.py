"""Applying a policy to what is stored: raw objects change, the built tables go, the file is new."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connections.pii_policy import PiiPolicy
from dlt_sources.stripe import Treatment
from dlt_sources.stripe.streams import DATASET, STREAMS
from orchestration import pii, rewriting
from orchestration.rewriting import rewritten

CANARY = "ada@example.com"


def treatment(text: str) -> Treatment:
    policy = PiiPolicy.parse(text)
    modes = {name: mode.value for name, mode in policy.modes.items()}
    return Treatment(str(policy), modes, b"k" * 32)


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Uncompressed, so that a search of the file's bytes means something.
    settings = {**rewriting.SETTINGS, "force_compression": "uncompressed"}
    monkeypatch.setattr(rewriting, "SETTINGS", settings)
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(config={"force_compression": "uncompressed"}) as connection:
        connection.execute(f"attach '{path}' as warehouse")
        connection.execute("use warehouse")
        connection.execute(f"create schema {DATASET}")
        connection.execute("create schema marts")
        for stream in STREAMS:
            connection.execute(
                f"create table {DATASET}.{stream.name} (account_id text, id text, object json)"
            )
        objects = [
            (f"cus_{i}", json.dumps({"id": f"cus_{i}", "object": "customer", "email": CANARY}))
            for i in range(300)
        ]
        connection.executemany(f"insert into {DATASET}.customers values ('acct_A', ?, ?)", objects)
        connection.execute(f"create table {DATASET}.syncs as select 'acct_A' as account_id")
        connection.execute(f"create table marts.dim_customers as select '{CANARY}' as email")
        connection.execute(f"create view marts.seen as select * from {DATASET}.customers")
        connection.execute("use memory")
        connection.execute("detach warehouse")
    return path


def apply(path: Path, text: str) -> tuple[int, tuple[str, ...]]:
    with rewritten(path) as connection:
        gone = pii._lost(connection, PiiPolicy.parse(text))
        rows = pii._treat_raw(connection, treatment(text))
        pii._drop_built(connection)
    return rows, gone


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_stricter_policy_reaches_every_byte_and_is_remembered(warehouse: Path) -> None:
    assert CANARY.encode() in warehouse.read_bytes()
    assert apply(warehouse, "emails=hash") == (300, ())
    assert CANARY.encode() not in warehouse.read_bytes()
    emails = query(warehouse, f"select distinct object->>'email' from {DATASET}.customers")
    assert len(emails) == 1, "who was one person still is"
    assert emails[0][0].startswith("hmac:")
    assert query(warehouse, "select distinct schema_name from duckdb_tables()") == [(DATASET,)]
    # Again, as after a kill: nothing is left to do.
    assert apply(warehouse, "emails=hash") == (0, ())
    assert apply(warehouse, "emails=drop") == (300, ())
    assert query(warehouse, f"select count(object->>'email') from {DATASET}.customers") == [(0,)]
    # What is gone is said, and stays remembered.
    for _ in range(2):
        assert "emails" in apply(warehouse, "keep")[1]
    (recorded,) = query(warehouse, f"select distinct pii from {DATASET}.syncs")
    assert "emails=drop" in recorded[0]
