"""Re-importing a range of days through the API that the Dagster UI uses; and a killed run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest

from connections.accounts import list_accounts, set_tier
from connections.models import RequestKind, SyncOutcome
from connections.postgres import open_database
from connections.sync_reports import sync_history, unfinished_syncs
from console.demo.run import compare_published
from console.demo.simulator import Simulator
from tests.e2e.conftest import Deployment
from tests.e2e.test_service import answers, running_service, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.long]

#: Dagster looks at backfills every thirty seconds, and at each of them several times.
BACKFILL_SECONDS = 900

LAUNCH = """mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
STATUS = """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
  __typename ... on PartitionBackfill { status numPartitions error { message }
  runs(limit: 10) { id jobName status } } } }"""
FAILURES = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
  __typename ... on ErrorEvent { error { message cause { message } } }
  ... on MessageEvent { message } } } } }"""
NODES = "{ assetNodes { assetKey { path } isMaterializable } }"


def ask(url: str, query: str, variables: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        f"{url}/graphql",
        data=json.dumps({"query": query, "variables": variables or {}}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = json.load(answer)
    assert "errors" not in content, content["errors"]
    return content["data"]


def backfill(url: str, service: subprocess.Popen[bytes], params: dict[str, Any]) -> dict[str, Any]:
    """Launch a backfill, wait until it has ended, return it."""
    launched = ask(url, LAUNCH, {"params": params})["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    seen: dict[str, Any] = {}

    def ended() -> bool:
        answer = ask(url, STATUS, {"id": launched["backfillId"]})
        seen.update(answer["partitionBackfillOrError"])
        return seen["status"] in {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "COMPLETED"}

    deadline = time.monotonic() + BACKFILL_SECONDS
    while not ended():
        assert service.poll() is None
        assert time.monotonic() < deadline, seen
        time.sleep(1)
    for run in seen["runs"]:
        if run["status"] != "SUCCESS":
            events = ask(url, FAILURES, {"id": run["id"]})["logsForRun"]["events"]
            run["failures"] = [event for event in events if event.get("error")]
    return seen


def days_before(today: datetime, first: int, last: int) -> list[str]:
    return [f"{today - timedelta(days=day):%Y-%m-%d}" for day in range(first, last, -1)]


def test_days_are_imported_again_from_the_ui_and_a_killed_run_frees_its_accounts(
    connected: Deployment, stripe: Simulator
) -> None:
    today = datetime.now(UTC)
    with open_database(connected.settings) as engine:
        (account,) = list_accounts(engine)
        # Without a schedule: a tick of the real clock would come in between.
        set_tier(engine, account.account_id, "free")

        def last() -> Any:
            history = sync_history(engine, account.account_id)
            return history[0] if history else None

        def succeeded() -> bool:
            sync = last()
            return sync is not None and sync.outcome is SyncOutcome.OK

        with running_service(connected) as (url, service):
            wait_for("the UI", lambda: answers(url), service)
            wait_for("the first import", succeeded, service)
            nodes = ask(url, NODES)["assetNodes"]
            every_asset = [node["assetKey"] for node in nodes if node["isMaterializable"]]

            # From an asset's page: the asset with all that is downstream.
            done = backfill(
                url,
                service,
                {
                    "assetSelection": [{"path": key["path"]} for key in every_asset],
                    "partitionNames": days_before(today, 20, 10),
                },
            )
            assert done["status"] == "COMPLETED_SUCCESS", json.dumps(done, indent=1)
            # Dagster runs the partitioned asset first, beside it the models without parents, and
            # then what follows from both.
            assert len(done["runs"]) > 1
            assert {run["status"] for run in done["runs"]} == {"SUCCESS"}
            assert last().kind is RequestKind.REIMPORT
            assert last().published_at is not None
            assert (last().rows or 0) > 0
            assert unfinished_syncs(engine) == []

            # From the job's page, for some accounts by its configuration.
            config = {"accounts": [account.account_id], "kind": "REIMPORT"}
            selector = {
                "partitionSetName": "sync_partition_set",
                "repositorySelector": {
                    "repositoryName": "__repository__",
                    "repositoryLocationName": "dashtray",
                },
            }
            done = backfill(
                url,
                service,
                {
                    "selector": selector,
                    "partitionNames": days_before(today, 90, 80),
                    "runConfigData": {"ops": {"extract": {"config": config}}},
                },
            )
            assert done["status"] == "COMPLETED_SUCCESS", json.dumps(done, indent=1)
            assert [run["status"] for run in done["runs"]] == ["SUCCESS"]
            assert succeeded()
            assert last().run_id == done["runs"][0]["id"]

            # A run whose process is killed while the service lives.
            before = account_failures(engine)
            connected.must("sync", account.account_id)
            wait_for("the run", lambda: bool(unfinished_syncs(engine)), service)
            [held] = unfinished_syncs(engine)
            os.kill(int(held.owner.split("|")[2]), signal.SIGKILL)
            wait_for("the account to be free", lambda: not unfinished_syncs(engine), service)
            killed = next(
                sync
                for sync in sync_history(engine, account.account_id)
                if sync.run_id == held.run_id
            )
            assert killed.outcome is SyncOutcome.FAILED
            assert account_failures(engine) == before + 1
            connected.must("sync", account.account_id)
            wait_for("the sync after it", succeeded, service)
            assert psutil.pid_exists(service.pid)
    assert [c for c in compare_published(connected.settings, stripe) if c.wrong] == []


def account_failures(engine: Any) -> int:
    (account,) = list_accounts(engine)
    failures: int = account.consecutive_failures
    return failures
