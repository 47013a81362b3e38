"""The whole way with a lake: a file moves into it, and its account's syncs go on there."""

from __future__ import annotations

import pytest

from console.demo.run import compare_published
from console.demo.simulator import Simulator
from tests.e2e.conftest import Deployment, advance

pytestmark = pytest.mark.e2e

DAY = 86_400


def test_a_file_moves_into_a_lake_and_goes_on_there(
    connected: Deployment, stripe: Simulator
) -> None:
    account = stripe.account_id
    connected.environment["DASHTRAY_WAREHOUSE"] = "file"
    connected.must("sync", account, "--here")
    before = connected.rows("select count(*), sum(hash(c)::hugeint) from raw_stripe.charges c")

    connected.environment["DASHTRAY_WAREHOUSE"] = "ducklake:postgres"
    moved = connected.dashtray("warehouse", "migrate")
    assert moved.returncode == 0, moved.stderr
    assert "equal the file's" in " ".join(moved.stdout.split())
    assert (
        connected.rows("select count(*), sum(hash(c)::hugeint) from raw_stripe.charges c") == before
    )

    advance(stripe, DAY)
    (later,) = connected.must("sync", account, "--here")
    assert later["result"] == "ok"
    # From the cursor that came along: not everything again.
    assert connected.rows("select mode from raw_stripe.syncs order by started_at") == [
        ("first_import",),
        ("incremental",),
    ]
    numbers = compare_published(connected.settings, stripe)
    assert [c for c in numbers if c.wrong] == []
    assert len({c.day for c in numbers}) == 92

    refused = connected.dashtray("backup", str(connected.home / "backup.tar"))
    assert refused.returncode == 1
    assert "pg_dump" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_lake_out_of_reach_is_said_in_a_line(deployment: Deployment) -> None:
    deployment.environment["DASHTRAY_WAREHOUSE"] = (
        "ducklake:postgresql://reader:pass-never-shown@127.0.0.1:9/lake"
    )
    failed = deployment.dashtray("housekeeping")
    assert failed.returncode == 1
    assert "catalogue cannot be reached" in " ".join(failed.stderr.split())
    assert "never-shown" not in failed.stderr + failed.stdout
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("value", "said"),
    [("ducklake:sqlite:x", "must be in Postgres"), ("lake", "neither a file nor a lake")],
)
def test_a_warehouse_that_is_none_is_refused(deployment: Deployment, value: str, said: str) -> None:
    deployment.environment["DASHTRAY_WAREHOUSE"] = value
    refused = deployment.dashtray("accounts")
    assert refused.returncode == 1
    assert said in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr
