"""How far back the history goes, whether it equals Stripe's, and what asking has cost."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connections.models import RequestKind
from connections.postgres import open_database
from connections.sync_reports import sync_history
from connections.verifications import last_verifications
from console.demo.run import compare_published
from console.demo.simulator import Simulator
from dlt_sources.stripe.warehouse import writing
from orchestration.warehouse import warehouse_of
from tests.e2e.conftest import KEY_VARIABLE, Deployment, request_total

pytestmark = pytest.mark.e2e


def first_day(deployment: Deployment) -> Any:
    ((day,),) = deployment.rows("select min(day) from marts.metrics_daily")
    return day


def verify(deployment: Deployment, *options: str) -> tuple[subprocess.CompletedProcess[str], Any]:
    done = deployment.dashtray("verify", *options, "--format", "json")
    return done, {row["stream"]: row for row in json.loads(done.stdout)}


def test_history_is_extended_verified_and_mended(deployment: Deployment, stripe: Simulator) -> None:
    deployment.environment |= stripe.environment()
    deployment.environment[KEY_VARIABLE] = stripe.ready["accounts"][0]["api_key"]
    connect = ("connect", "--api-key-env", KEY_VARIABLE, "--history-days")
    wrong = deployment.dashtray(*connect, "ninety")
    assert wrong.returncode == 1
    assert "positive whole number" in " ".join(wrong.stderr.split())
    deployment.must(*connect, "200")
    account = stripe.account_id
    asked = request_total(stripe)
    too_early = deployment.dashtray("verify", account)
    assert too_early.returncode == 1
    assert "has not been imported yet" in " ".join(too_early.stderr.split())

    deployment.must("sync", account, "--here")
    today = datetime.now(UTC).date()
    assert first_day(deployment) == today - timedelta(days=200)
    assert [c for c in compare_published(deployment.settings, stripe) if c.wrong] == []

    # More history is read by the account's next sync, be it a verification.
    assert deployment.dashtray("history", account, "all").returncode == 0
    done, streams = verify(deployment, account)
    assert done.returncode == 0, done.stderr
    assert f"{account} equals Stripe; 100 % of its objects were looked at" in done.stderr
    assert streams["subscriptions"]["moving"] > 0, "read anew with the older history"
    ((oldest,),) = deployment.rows(
        "select min(created)::date from (select created from raw_stripe.customers union all"
        " select created from raw_stripe.charges union all select created from raw_stripe.invoices)"
    )
    assert first_day(deployment) == oldest < today - timedelta(days=500)
    assert [c for c in compare_published(deployment.settings, stripe) if c.wrong] == []

    # Fewer days take nothing away. What differs is named, and without leave not mended.
    assert deployment.dashtray("history", account, "30").returncode == 0
    ((charge,),) = deployment.rows("select max(id) from raw_stripe.charges")
    with writing(warehouse_of(deployment.settings)) as connection:
        connection.execute("delete from raw_stripe.charges where id = ?", [charge])
    done, streams = verify(deployment, account, "--no-repair")
    assert done.returncode == 1
    assert f"charges {charge} is missing here" in done.stderr
    assert (streams["charges"]["missing"], streams["charges"]["repaired"]) == (1, 0)
    equal, of, all_of_them, *_ = streams["subscriptions"]["result"].split()
    assert (of, equal) == ("of", all_of_them) and equal != "0"
    assert first_day(deployment) == oldest

    done, streams = verify(deployment, "--all")
    assert done.returncode == 0, done.stderr
    assert f"{account} differed in 1 objects; all repaired" in done.stderr
    assert deployment.rows(f"select count(*) from raw_stripe.charges where id = '{charge}'") == [
        (1,)
    ]
    assert [c for c in compare_published(deployment.settings, stripe) if c.wrong] == []
    with open_database(deployment.settings) as engine:
        last = last_verifications(engine)[account]
        assert (last.found, last.remaining) == (1, 0)
        kinds = [run.kind for run in sync_history(engine, account)]
    assert kinds == [*[RequestKind.VERIFY] * 3, RequestKind.FIRST_IMPORT]

    # On the free tier these three were the day's syncs by hand.
    refused = deployment.dashtray("verify", account)
    assert refused.returncode == 1
    assert "has used its 3 manual syncs" in " ".join(refused.stderr.split())
    assert "The next is possible at" in " ".join(refused.stderr.split())

    # The ledger has every request that Stripe has seen since the account was connected.
    (row,) = deployment.must("accounts")
    requests = request_total(stripe) - asked
    assert row["reads_this_month"] == row["reads_30_days"] == requests
    assert row["reads_allowed"] >= 10_000
