"""A backup restored elsewhere: it says what it said then, and the next sync catches up."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from console.demo.run import compare_published
from console.demo.simulator import Simulator
from tests.e2e.conftest import Deployment, advance

pytestmark = pytest.mark.e2e

DAY = 86_400


def test_restored_elsewhere_the_next_sync_catches_up(
    connected: Deployment, stripe: Simulator
) -> None:
    connected.must("sync", stripe.account_id, "--here")
    file = connected.home.parent / "backup.tar"
    taken = connected.dashtray("backup", str(file))
    assert taken.returncode == 0, taken.stderr
    then = connected.must("metrics")
    advance(stripe, 2 * DAY)
    connected.must("sync", stripe.account_id, "--here")

    other_home = connected.home.parent / "other"
    elsewhere = replace(
        connected,
        home=other_home,
        environment={
            **{k: v for k, v in connected.environment.items() if k != "DATABASE_URL"},
            "DASHTRAY_HOME": str(other_home),
        },
    )
    restored = elsewhere.dashtray("restore", str(file))
    assert restored.returncode == 0, restored.stderr
    assert elsewhere.must("metrics") == then
    # The keys are in no backup: the operator brings them.
    shutil.copytree(connected.home / "keys", other_home / "keys", dirs_exist_ok=True)
    (connected.home / "dbt").rename(other_home / "dbt")  # parsing it again would only take time

    (caught_up,) = elsewhere.must("sync", stripe.account_id, "--here")

    assert caught_up["result"] == "ok"
    modes = elsewhere.rows("select mode from raw_stripe.syncs order by started_at")
    assert modes[-1] == ("incremental",)
    assert [c for c in compare_published(elsewhere.settings, stripe) if c.wrong] == []

    refused = elsewhere.dashtray("restore", str(file))
    assert refused.returncode == 1
    assert "--force" in refused.stderr
