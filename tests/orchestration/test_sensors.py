"""A request is found by the evaluation that is under way when it is made."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from dagster import DagsterInstance, RunRequest, SkipReason, build_sensor_context
from dagster._daemon.sensor import MIN_INTERVAL_LOOP_TIME
from sqlalchemy import Engine, event

from connections.requests import request_sync
from connections.rows import transaction
from orchestration import sensors
from orchestration.jobs import CLAIM_TAG
from tests.orchestration.test_health import account
from tests.orchestration.virtual import URL_VARIABLE, GivenDatabase

pytestmark = pytest.mark.e2e


def evaluate(instance: DagsterInstance) -> list[Any]:
    context = build_sensor_context(instance=instance, resources={"accounts": GivenDatabase()})
    return list(sensors.sync_requests(context))  # type: ignore[call-overload]


def test_a_request_waits_for_no_further_evaluation(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, database_url)
    with transaction(engine) as session:
        session.add(account("acct_A"))
    looked = threading.Event()

    def note(*said: Any) -> None:
        # The question that is asked again and again once nothing was found.
        if said[2].split()[:3] == ["SELECT", "connections.sync_requests.id", "FROM"]:
            looked.set()

    event.listen(Engine, "after_cursor_execute", note)
    answers: list[Any] = []
    try:
        with DagsterInstance.ephemeral() as instance:
            evaluation = threading.Thread(target=lambda: answers.extend(evaluate(instance)))
            evaluation.start()
            # It has looked twice, and there was nothing.
            assert looked.wait(60)
            request = request_sync(engine, "acct_A")
            evaluation.join(60)
    finally:
        event.remove(Engine, "after_cursor_execute", note)
    [asked] = answers
    assert isinstance(asked, RunRequest)
    assert asked.run_config["ops"]["extract"]["config"]["accounts"] == [request.account_id]
    assert asked.tags[CLAIM_TAG] == asked.run_key


def test_one_evaluation_follows_another_within_five_seconds(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, database_url)
    monkeypatch.setattr(sensors, "LISTEN_SECONDS", 0.0)
    with DagsterInstance.ephemeral() as instance:
        [answer] = evaluate(instance)
    assert isinstance(answer, SkipReason)
    assert MIN_INTERVAL_LOOP_TIME <= 5
    assert sensors.sync_requests.minimum_interval_seconds <= 1
