"""What the service checks before it starts."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from connections.service_lock import ServiceRunsError, service_process
from connections.settings import Settings
from console.leftovers import only_service, remember
from console.service import PortTaken, check_port


def test_a_taken_port_is_said_with_its_number() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            check_port("127.0.0.1", port)


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
