"""The whole way: connect, import, change, again; the numbers equal the ledger's."""

from __future__ import annotations

from typing import Any

import pytest

from console.demo.run import compare_published
from console.demo.simulator import Simulator
from tests.e2e.conftest import KEY_VARIABLE, Deployment, advance, request_total

pytestmark = pytest.mark.e2e

DAY = 86_400
#: One poll of the events feed tells that nothing happened.
FEW_REQUESTS = 3


def fingerprint_of_marts(deployment: Deployment) -> dict[str, Any]:
    """A hash of each mart's rows, whatever their order."""
    tables = deployment.rows(
        "select table_name from duckdb_tables()"
        " where schema_name = 'marts' and database_name = current_database() order by 1"
    )
    return {
        table: deployment.rows(f"select count(*), bit_xor(hash(t)) from marts.{table} t")
        for (table,) in tables
    }


def test_import_again_and_one_day_later(connected: Deployment, stripe: Simulator) -> None:
    account = stripe.account_id

    (first,) = connected.must("sync", account, "--here")
    assert first["result"] == "ok"
    assert first["rows"] > 0
    assert [c for c in compare_published(connected.settings, stripe) if c.wrong] == []

    # Nothing has happened: few requests, no rows, the same marts.
    before = fingerprint_of_marts(connected)
    (again,) = connected.must("sync", account, "--here")
    assert again["result"] == "ok"
    assert again["requests"] <= FEW_REQUESTS
    assert fingerprint_of_marts(connected) == before

    # A day later the new day's numbers are right, and the old ones still are.
    asked_before = request_total(stripe)
    advance(stripe, DAY)
    (later,) = connected.must("sync", account, "--here")
    assert later["result"] == "ok"
    numbers = compare_published(connected.settings, stripe)
    assert [c for c in numbers if c.wrong] == []
    assert len({c.day for c in numbers}) == 92
    assert later["requests"] == request_total(stripe) - asked_before
    assert later["requests"] < first["requests"]


def test_an_account_that_fails_is_named_and_its_cursor_stays(
    connected: Deployment, stripe: Simulator
) -> None:
    account = stripe.account_id
    connected.must("sync", account, "--here")
    cursors = connected.rows("select max(events_cursor), count(*) from raw_stripe.syncs")

    # No key at all is the operator's to mend: nobody is disconnected.
    good_key = connected.environment.pop(KEY_VARIABLE)
    failed = connected.dashtray("sync", account, "--here")
    assert failed.returncode == 1
    assert KEY_VARIABLE in failed.stdout
    (row,) = connected.must("accounts")
    assert row["last_error"]
    assert row["status"] == "connected"

    # A key that Stripe refuses is a withdrawn access.
    connected.environment[KEY_VARIABLE] = "rk_test_not_a_key"
    refused = connected.dashtray("sync", account, "--here")
    assert refused.returncode == 1
    assert "rk_test_not_a_key" not in refused.stdout + refused.stderr
    assert connected.must("accounts")[0]["status"] == "revoked"
    assert connected.rows("select max(events_cursor), count(*) from raw_stripe.syncs") == cursors

    # Connected again it goes on where it was.
    connected.environment[KEY_VARIABLE] = good_key
    connected.must("connect", "--api-key-env", KEY_VARIABLE)
    advance(stripe, DAY)
    (mended,) = connected.must("sync", account, "--here")
    assert mended["result"] == "ok"
    assert connected.rows("select mode from raw_stripe.syncs order by started_at")[-1] == (
        "incremental",
    )
    assert [c for c in compare_published(connected.settings, stripe) if c.wrong] == []


def test_the_free_tier_has_three_manual_syncs_a_day(
    connected: Deployment, stripe: Simulator
) -> None:
    account = stripe.account_id
    connected.must("sync", account, "--here")
    connected.dashtray("tier", account, "free")

    answers = [connected.dashtray("sync", account) for _ in range(4)]

    assert [answer.returncode for answer in answers] == [0, 0, 0, 1]
    assert "next is possible at" in " ".join(answers[-1].stdout.split())
