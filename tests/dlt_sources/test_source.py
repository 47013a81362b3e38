"""The source as somebody uses it who knows dlt and not this project."""

import os
import subprocess
import sys
from pathlib import Path

import dlt

from dlt_sources.stripe import STREAMS, AccountTask
from dlt_sources.stripe.client import Retries
from dlt_sources.stripe.source import Reading, stripe_source
from tests.dlt_sources.rig import IMPATIENT, ROOT
from tests.dlt_sources.stub import running_stub


def test_it_has_a_resource_for_every_stream(tmp_path: Path) -> None:
    source = stripe_source([], tmp_path)
    assert list(source.resources) == [*(stream.name for stream in STREAMS), "syncs"]


def test_it_runs_in_any_pipeline(tmp_path: Path) -> None:
    pipeline = dlt.pipeline(
        "anyones",
        pipelines_dir=str(tmp_path / "pipelines"),
        destination=dlt.destinations.duckdb(str(tmp_path / "own.duckdb")),
        dataset_name="billing",
    )
    with running_stub() as stub:
        stub.add("/v1/customers", {"id": "cus_1", "object": "customer", "created": 5})
        source = stripe_source([stub.task()], tmp_path / "rows").with_resources(
            "customers", "products"
        )
        pipeline.run(source, loader_file_format="parquet")
    with pipeline.sql_client() as client:
        rows = client.execute_sql("select id, object->>'object' from customers")
        assert rows == [("cus_1", "customer")]
        assert client.execute_sql("select count(*) from products") == [(0,)]


def test_an_unreachable_server_is_named_soon(tmp_path: Path) -> None:
    task = AccountTask("acct_1", lambda: {"Authorization": "Bearer x"}, "http://127.0.0.1:1")
    reading = Reading([task], directory=tmp_path, run_id="run", retries=IMPATIENT)
    assert reading.outcomes["acct_1"].status == "failed"
    assert reading.outcomes["acct_1"].error == (
        "/v1/account: no whole answer from http://127.0.0.1:1 (NewConnectionError), after 4 tries"
    )
    waits = Retries()
    assert sum(min(waits.cap, waits.base * 2**n) for n in range(3)) < 5, "seconds at most"


def test_dlt_sends_no_telemetry(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from dlt_sources.stripe.warehouse import destination\n"
        "from dlt_sources.stripe.pipeline import open_pipeline\n"
        "from dlt.common.runtime import anon_tracker, telemetry\n"
        f"pipeline = open_pipeline(Path({str(tmp_path)!r}), destination())\n"
        "pipeline.extract([{'a': 1}], table_name='t')\n"
        "print(telemetry.is_telemetry_started(), anon_tracker._ANON_TRACKER_ENDPOINT)\n"
    )
    environment = {k: v for k, v in os.environ.items() if "TELEMETRY" not in k}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", "None"], "its runtime is up, and has no endpoint"
