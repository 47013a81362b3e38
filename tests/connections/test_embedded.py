"""The embedded server's life: start, share, stop, and what a kill leaves behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2
import pytest

from connections.embedded import MAX_SOCKET_PATH, EmbeddedPostgres
from connections.errors import DatabaseError
from connections.postgres_programs import Programs

pytestmark = pytest.mark.e2e

USER = """
import sys
from pathlib import Path
from connections.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as url:
    print(url, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "postgres"
    yield directory
    process = postmaster(directory)
    if process is not None:
        Programs.find().run("pg_ctl", "stop", "--mode=immediate", f"--pgdata={directory / 'data'}")


@pytest.fixture
def start_user(directory: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    users: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        user = subprocess.Popen(
            [sys.executable, "-c", USER, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        users.append(user)
        return user

    yield start
    for user in users:
        user.kill()
        user.communicate()


def embedded(directory: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(directory, durable=False)


def postmaster(directory: Path) -> psutil.Process | None:
    with suppress(FileNotFoundError, psutil.NoSuchProcess):
        pid = int((directory / "data" / "postmaster.pid").read_text().split()[0])
        process = psutil.Process(pid)
        return process if process.name() == "postgres" else None
    return None


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def query(directory: Path, sql: str) -> object:
    connection = psycopg2.connect(
        host=str(embedded(directory).socket_dir), user="postgres", dbname="postgres"
    )
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()


def ready(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline()


def leave(user: subprocess.Popen[str]) -> None:
    user.communicate("\n", timeout=60)
    assert user.returncode == 0


def test_the_last_user_stops_it_and_data_stay(directory: Path) -> None:
    with embedded(directory) as url:
        assert url.startswith("postgresql+psycopg2://postgres@/postgres?host=/")
        query(directory, "CREATE TABLE kept (n int)")
        with embedded(directory):
            pass
        assert query(directory, "SELECT 1") == 1
    assert postmaster(directory) is None
    with embedded(directory):
        assert query(directory, "SELECT count(*) FROM kept") == 0


def test_only_its_owner_reaches_the_socket_and_no_port_is_open(directory: Path) -> None:
    with embedded(directory):
        assert embedded(directory).socket_dir.stat().st_mode & 0o777 == 0o700
        assert query(directory, "SHOW listen_addresses") == ""
        assert query(directory, "SHOW timezone") == "UTC"


def test_processes_that_start_at_once_share_one_server(
    directory: Path, start_user: Callable[[], subprocess.Popen[str]]
) -> None:
    users = [start_user() for _ in range(4)]
    assert len({ready(user) for user in users}) == 1
    process = postmaster(directory)
    assert process is not None
    for user in users[:3]:
        leave(user)
    assert not is_gone(process)
    leave(users[3])
    assert is_gone(process)


def test_a_killed_user_does_not_keep_it_running(
    directory: Path, start_user: Callable[[], subprocess.Popen[str]]
) -> None:
    killed, other = start_user(), start_user()
    ready(killed)
    ready(other)
    killed.kill()
    killed.wait()
    leave(other)
    assert postmaster(directory) is None


def test_a_server_left_behind_is_adopted_and_then_stopped(
    directory: Path, start_user: Callable[[], subprocess.Popen[str]]
) -> None:
    user = start_user()
    ready(user)
    user.kill()
    user.wait()
    process = postmaster(directory)
    assert process is not None
    with embedded(directory):
        assert postmaster(directory) == process
    assert is_gone(process)


def test_it_starts_after_a_kill_of_the_server(directory: Path) -> None:
    with EmbeddedPostgres(directory):
        query(directory, "CREATE TABLE kept (n int)")
        process = postmaster(directory)
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        with EmbeddedPostgres(directory):  # a second user finds it dead and starts it
            assert query(directory, "SELECT count(*) FROM kept") == 0
    assert postmaster(directory) is None


def test_a_stale_pid_that_another_process_has_now_does_not_block(directory: Path) -> None:
    with embedded(directory):
        lock_file = embedded(directory).socket_dir / ".s.PGSQL.5432.lock"
        pid_file = directory / "data" / "postmaster.pid"
        stale = {path: path.read_text() for path in (lock_file, pid_file)}
    for path, content in stale.items():
        lines = content.split("\n")
        path.write_text("\n".join([str(os.getpid()), *lines[1:]]))
        Programs.find().own(path)
    with embedded(directory):
        assert query(directory, "SELECT 1") == 1


def test_an_interrupted_initialisation_is_repeated(directory: Path) -> None:
    for name in ("data", "data.new-1"):
        (directory / name / "base").mkdir(parents=True)
    with embedded(directory):
        assert query(directory, "SELECT 1") == 1
    assert list(directory.glob("data.new*")) == []


@pytest.mark.parametrize("seen", ["data.new-*/base", "data", "data/postmaster.pid"])
def test_a_kill_while_it_is_made_or_started_does_not_matter(
    directory: Path, start_user: Callable[[], subprocess.Popen[str]], seen: str
) -> None:
    user = start_user()
    while not list(directory.glob(seen)):
        assert user.poll() is None
        time.sleep(0.001)
    user.kill()
    user.wait()
    with embedded(directory):
        assert query(directory, "SELECT 1") == 1
    assert postmaster(directory) is None


def test_a_deep_home_gets_a_short_private_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / "with space and 'quote" / "postgres"
    server = embedded(deep)
    assert not server.socket_dir.is_relative_to(tmp_path)
    assert len(str(server.socket_dir / ".s.PGSQL.5432")) <= MAX_SOCKET_PATH
    with server:
        assert server.socket_dir.stat().st_mode & 0o777 == 0o700
        assert query(deep, "SELECT 1") == 1
    server.socket_dir.rmdir()


def test_a_home_with_awkward_characters(tmp_path: Path) -> None:
    from sqlalchemy import create_engine, text

    directory = tmp_path / "a b%20'c" / "postgres"
    with embedded(directory) as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
        engine.dispose()


def test_a_broken_data_directory_says_so(directory: Path) -> None:
    with embedded(directory):
        pass
    (directory / "data" / "postgresql.conf").write_text("max_connections = 'many'\n")
    with pytest.raises(DatabaseError, match=r"does not start.*server\.log"), embedded(directory):
        pass
    assert postmaster(directory) is None
