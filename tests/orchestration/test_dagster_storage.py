"""Dagster's storage keeps its connections: few are made, lost ones are replaced, none is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from sqlalchemy import Engine, event, text

from connections.postgres import DATABASE_URL_VARIABLE
from console.dagster_home import PROJECT_DIR
from orchestration.dagster_storage import KEPT

pytestmark = pytest.mark.e2e


@pytest.fixture
def connections_made() -> Iterator[list[Any]]:
    """Grows with each connection that this process makes."""
    made: list[Any] = []

    def note(connection: Any, _: object) -> None:
        made.append(connection)

    event.listen(Engine, "connect", note)
    yield made
    event.remove(Engine, "connect", note)


@pytest.fixture
def instance(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterInstance]:
    """An instance with the storage that `dagster.yaml` names."""
    monkeypatch.setenv(DATABASE_URL_VARIABLE, database_url)
    storage = yaml.safe_load((PROJECT_DIR / "dagster.yaml").read_text())["storage"]
    reference = InstanceRef.from_dir(
        str(tmp_path), overrides={"storage": storage, "telemetry": {"enabled": False}}
    )
    with DagsterInstance.from_ref(reference) as instance:
        yield instance


def test_events_and_questions_share_a_few_connections(
    instance: DagsterInstance, connections_made: list[Any]
) -> None:
    for number in range(50):
        instance.add_dynamic_partitions("accounts", [f"acct_{number}"])
        assert instance.all_instigator_state() == []
        assert instance.get_runs() == []
    assert len(instance.get_dynamic_partitions("accounts")) == 50
    assert len(connections_made) <= KEPT


def test_what_the_server_cut_is_made_again(instance: DagsterInstance, engine: Engine) -> None:
    assert instance.get_runs() == []
    with engine.connect() as connection:
        cut = connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        ).all()
    assert cut
    instance.add_dynamic_partitions("accounts", ["acct_1"])
    assert instance.get_dynamic_partitions("accounts") == ["acct_1"]


def test_none_is_left_when_the_instance_is_over(
    instance: DagsterInstance, connections_made: list[Any]
) -> None:
    assert instance.get_runs() == []
    assert [each.closed for each in connections_made] == [0]
    instance.dispose()
    assert [each.closed for each in connections_made] == [1]
