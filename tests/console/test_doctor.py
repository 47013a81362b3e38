"""What `dashtray doctor` finds, on a home with and without trouble."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import text

from connections.postgres import make_engine
from connections.service_lock import hold_service_lock
from connections.settings import Settings
from console import disk_use
from console.doctor import CHECKS, clock_skew, examine
from orchestration.warehouse_lock import warehouse_lock

MiB = 2**20


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """A server that refuses every request, as Stripe does without a key, and tells its time."""
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(
    tmp_path: Path, database_url: str, refusing_server: str, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setenv("DASHTRAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("STRIPE_API_BASE", refusing_server)
    monkeypatch.delenv("DASHTRAY_ENCRYPTION_KEY", raising=False)
    return Settings.from_environment()


def said(check: str) -> list[tuple[str, str]]:
    return [(f["state"], f["detail"]) for f in examine() if f["check"] == check]


@pytest.mark.e2e
def test_a_sound_home_has_no_failure(home: Settings) -> None:
    findings = examine()

    assert {finding["check"] for finding in findings} == set(CHECKS)
    assert [finding for finding in findings if finding["state"] == "fail"] == []
    assert said("service")[0][0] == "warn"
    assert "dashtray up" in said("service")[0][1]


@contextmanager
def heartbeat(url: str, seconds_ago: int) -> Iterator[None]:
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE daemon_heartbeats (daemon_type text, timestamp timestamp)")
        )
        connection.execute(
            text(
                "INSERT INTO daemon_heartbeats VALUES ('SENSOR',"
                " now() AT TIME ZONE 'UTC' - make_interval(secs => :ago))"
            ),
            {"ago": seconds_ago},
        )
    yield
    engine.dispose()


@pytest.mark.e2e
@pytest.mark.parametrize(("ago", "state"), [(10, "ok"), (900, "fail")])
def test_a_daemon_that_fell_silent_is_a_failure(
    home: Settings, database_url: str, ago: int, state: str
) -> None:
    with hold_service_lock(home), heartbeat(database_url, ago):
        findings = said("service")
    assert findings[0] == ("ok", f"it runs (process {os.getpid()})")
    assert findings[1][0] == state
    assert ("SENSOR" in findings[1][1]) == (state == "fail")


@pytest.mark.e2e
def test_who_holds_the_warehouse_is_said(home: Settings) -> None:
    assert len(said("warehouse")) == 1
    with warehouse_lock(home.warehouse_lock_path):
        (_, detail) = said("warehouse")[1]
    assert f"process {os.getpid()} holds the warehouse since 20" in detail


@pytest.mark.e2e
def test_a_setting_or_a_database_that_cannot_be_used_is_a_failure(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHTRAY_KEEP_RUNS_DAYS", "many")
    (*_, last) = said("settings")
    assert last == ("fail", "DASHTRAY_KEEP_RUNS_DAYS=many must be a whole number, 0 or more.")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:1/d")
    (postgres,) = said("Postgres")
    assert postgres[0] == "fail"
    assert "hunter2" not in postgres[1]


def test_each_part_of_the_home_is_measured(settings: Settings) -> None:
    (settings.home / "runs" / "one").mkdir(parents=True)
    (settings.home / "runs" / "one" / "rows").write_bytes(b"x" * 3 * MiB)
    (settings.home / "warehouse.duckdb").write_bytes(b"x" * 2 * MiB)
    findings = [detail for _, detail in disk_use.disk(settings)]
    assert any(detail.startswith("load packages 3.0 MiB (limit") for detail in findings)
    assert any(detail.startswith("warehouse 2.0 MiB") for detail in findings)


def test_too_large_a_part_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        disk_use, "PARTS", (disk_use.Part("logs", ("logs",), 1000, "Run: dashtray housekeeping"),)
    )
    settings.logs_dir.mkdir()
    (settings.logs_dir / "log").write_bytes(b"x" * 2000)
    (*_, last) = disk_use.disk(settings)
    assert last == ("warn", "logs 0.0 MiB (limit 0.0 MiB). Run: dashtray housekeeping")


def test_the_clock_is_compared_with_the_answers() -> None:
    now = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
    assert clock_skew({"Date": "Sun, 22 Nov 2026 12:00:00 GMT"}, now) == 30
    assert clock_skew({"Date": "yesterday"}, now) is None
    assert clock_skew({}, now) is None
