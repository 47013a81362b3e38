"""What the service checks before it starts."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from connections.errors import SettingsError
from connections.service_lock import ServiceRunsError, hold_part_lock, service_process
from connections.settings import Settings
from console.leftovers import only_service, remember
from console.service import Addresses, PortTaken, UnknownPart, check_port, children
from console.service_command import up


def test_a_taken_port_is_said_with_its_number() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            check_port("127.0.0.1", port)


def test_the_dagster_ui_stays_on_loopback_wherever_the_console_is(tmp_path: Path) -> None:
    at = Addresses("10.0.0.5", 8000, "127.0.0.1", 3000, "https://m.example.com/dagster")
    settings = Settings(home=tmp_path)
    settings.dagster_dir.mkdir()
    commands = {child.name: list(child.command) for child in children(settings, at)}
    webserver, console = commands["webserver"], commands["console"]
    assert webserver[webserver.index("-h") + 1] == "127.0.0.1"
    assert webserver[webserver.index("--path-prefix") + 1] == "/dagster"
    assert "10.0.0.5" not in webserver
    assert console[console.index("--host") + 1] == "10.0.0.5"
    assert console[console.index("--dagster-url") + 1] == at.dagster_url


def test_a_second_service_of_one_home_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with (
        only_service(settings),
        pytest.raises(ServiceRunsError, match=f"process {os.getpid()}"),
        only_service(settings),
    ):
        pass
    assert service_process(settings) is None
    with only_service(settings):
        assert service_process(settings) == os.getpid()


def test_what_a_killed_service_left_is_ended_and_nobody_else(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    left = subprocess.Popen(sleep, start_new_session=True)
    other = subprocess.Popen(sleep, start_new_session=True)
    try:
        remember(settings, {"daemon": left.pid, "webserver": other.pid})
        record = tmp_path / "service.json"
        # The number of the former webserver belongs to another process by now.
        processes = json.loads(record.read_text())
        processes[1]["started"] -= 60
        record.write_text(json.dumps(processes))
        with only_service(settings):
            assert not psutil.pid_exists(left.pid)
            assert other.poll() is None
        assert not record.exists()
    finally:
        for process in (left, other):
            process.kill()
            process.wait()


def test_parts_run_side_by_side_each_once_and_not_beside_the_whole(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with hold_part_lock(settings, "daemon"), hold_part_lock(settings, "console"):
        assert service_process(settings) == 0
        with (
            pytest.raises(ServiceRunsError, match="its daemon"),
            hold_part_lock(settings, "daemon"),
        ):
            pass
        with pytest.raises(ServiceRunsError), only_service(settings):
            pass
    assert service_process(settings) is None
    with (
        only_service(settings),
        pytest.raises(ServiceRunsError),
        hold_part_lock(settings, "daemon"),
    ):
        pass


def test_a_part_needs_a_name_and_a_postgres_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHTRAY_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(UnknownPart, match="code-server, webserver, daemon, console"):
        up("127.0.0.1", 3000, 8000, "127.0.0.1", "deamon")
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        up("127.0.0.1", 3000, 8000, "127.0.0.1", "daemon")
