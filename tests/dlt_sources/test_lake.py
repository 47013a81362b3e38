"""Syncing into a lake: equal to Stripe, from several at once, in a bucket, and without telling."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import duckdb
import pytest

from dlt_sources.stripe.lake import Bucket, Lake, LakeUnusable
from dlt_sources.stripe.warehouse import reading, tried_again, writing
from tests.conftest import new_lake
from tests.dlt_sources.rig import Rig, running_simulator

KEY = Bucket(key_id="AKIATESTTESTTEST", secret="s3cr3t/+withsigns")
PASSWORD = "pass:w\\ord's"


@pytest.mark.e2e
def test_import_and_changes_equal_stripe(lake_rig: Rig) -> None:
    lake_rig.sync()
    assert lake_rig.differences() == []
    lake_rig.simulator.advance(days=1)
    extraction, _ = lake_rig.sync()
    assert extraction.outcomes[lake_rig.account_ids[0]].mode == "incremental"
    assert lake_rig.differences() == []


@contextmanager
def s3_server() -> Iterator[str]:
    """Moto's server on a free port; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        for line in server.stderr:
            if "Running on" in line:
                break
        # Its log must be read, or it stops once the pipe is full.
        threading.Thread(target=server.stderr.read, daemon=True).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.mark.e2e
def test_data_in_a_bucket(postgres_url: str, tmp_path: Path) -> None:
    with s3_server() as endpoint:
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=KEY.key_id,
            aws_secret_access_key=KEY.secret,
            region_name=KEY.region,
        )
        client.create_bucket(Bucket="dashtray")
        bucket = Bucket(KEY.key_id, KEY.secret, endpoint=endpoint)
        with (
            running_simulator("--preset", "tiny", "--now", "2026-11-20T12:00:00Z") as simulator,
            new_lake(postgres_url, "s3://dashtray/lake", bucket=bucket) as lake,
        ):
            rig = Rig(simulator, tmp_path, lake=lake)
            rig.sync()
            assert rig.differences() == []
            simulator.advance(days=1)
            rig.sync()
            assert rig.differences() == []
        found = client.list_objects_v2(Bucket="dashtray", Prefix="lake/raw_stripe/")
        assert found["KeyCount"] > 0
        assert list(tmp_path.rglob("*.parquet")) == []


def test_a_bucket_that_cannot_be_reached_shows_no_key(postgres_url: str) -> None:
    bucket = Bucket(KEY.key_id, KEY.secret, endpoint="http://127.0.0.1:9")
    with new_lake(postgres_url, "s3://dashtray/lake", bucket=bucket) as lake:
        with pytest.raises((duckdb.Error, LakeUnusable)) as failure, writing(lake) as connection:
            connection.execute("set http_retries = 0")
            connection.execute("create table t as select range as i from range(100)")
        assert KEY.secret not in str(failure.value) + repr(lake)
        assert KEY.key_id not in str(failure.value) + repr(lake)


@pytest.mark.parametrize("attempt", ["exists", "read"])
def test_a_catalogue_that_cannot_be_reached_shows_no_password(attempt: str, tmp_path: Path) -> None:
    lake = Lake("host=127.0.0.1 port=9 dbname=d", str(tmp_path), "lake", password=PASSWORD)
    with pytest.raises(LakeUnusable, match="DASHTRAY_WAREHOUSE") as failure:
        if attempt == "exists":
            lake.exists()
        else:
            with reading(lake):
                pass
    assert PASSWORD not in str(failure.value) + repr(lake) + str(lake)
    assert failure.value.__suppress_context__


def test_the_password_is_handed_over_unseen(tmp_path: Path) -> None:
    lake = Lake("host=h dbname=d", str(tmp_path), "lake", password=PASSWORD)
    assert PASSWORD not in lake.dsn
    passfile = Path(lake.dsn.partition("passfile=")[2])
    assert passfile.read_text() == "*:*:*:*:pass\\:w\\\\ord's\n"
    assert passfile.stat().st_mode & 0o077 == 0


def test_what_is_not_there_does_not_exist(lake: Lake) -> None:
    assert not lake.exists()
    with writing(lake) as connection:
        connection.execute("create table t (i integer)")
    assert lake.exists()


def test_a_change_that_met_another_is_tried_again(lake: Lake) -> None:
    with writing(lake) as one, writing(lake) as other:
        one.execute("create table first (i integer)")

        def create(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute("create table if not exists t (i integer)")

        tries = []

        def change() -> None:
            tries.append(1)
            other.begin()
            create(other)
            if len(tries) == 1:
                create(one)
            other.commit()

        tried_again(change)
        assert len(tries) == 2


def test_other_errors_are_not_tried_again(lake: Lake) -> None:
    tries = []

    def change() -> None:
        tries.append(1)
        raise duckdb.CatalogException("Table with name t does not exist")

    with pytest.raises(duckdb.CatalogException):
        tried_again(change)
    assert tries == [1]
