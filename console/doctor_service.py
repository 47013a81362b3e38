"""`dashtray doctor`: is the service alive, and who holds the warehouse."""

from __future__ import annotations

import fcntl
from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.engine import Engine

from connections.postgres import open_database
from connections.service_lock import service_process
from connections.settings import Settings
from connections.sync_reports import unfinished_syncs
from console.disk_use import mebibytes
from console.findings import FAIL, OK, WARN, Said

#: Dagster's daemons beat every half minute.
_SILENT_SECONDS = 120
_CROWDED_SHARE = 0.7

_BEATS = text(
    "SELECT daemon_type,"
    " extract(epoch FROM (now() AT TIME ZONE 'UTC') - timestamp)::bigint AS seconds"
    " FROM daemon_heartbeats ORDER BY 1"
)
_CONNECTIONS = text(
    "SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())"
    " AS used, current_setting('max_connections')::int AS most"
)


def postgres(settings: Settings) -> Said:
    """Its version, and whether there are connections left."""
    with open_database(settings) as engine, engine.connect() as connection:
        version: str = connection.execute(text("show server_version")).scalar_one()
        kind = "DATABASE_URL" if settings.database_url else "embedded"
        yield OK, f"{kind}, version {version}, migrated"
        row = connection.execute(_CONNECTIONS).one()
        if row.used > row.most * _CROWDED_SHARE:
            yield WARN, f"{row.used} of {row.most} connections in use. Raise max_connections"
        else:
            yield OK, f"{row.used} of {row.most} connections in use"


def service(settings: Settings) -> Said:
    """Whether it runs, and whether its daemon does its work."""
    pid = service_process(settings)
    if pid is None:
        yield WARN, "it does not run: nothing is synced by itself. Start it with: dashtray up"
        return
    yield OK, f"it runs (process {pid})" if pid else "it runs, in parts (dashtray up --only)"
    with open_database(settings) as engine:
        beats = _heartbeats(engine)
    silent = [f"{name} for {seconds} s" for name, seconds in beats if seconds > _SILENT_SECONDS]
    if not beats or silent:
        what = ", ".join(silent) or "none of the daemons has begun yet"
        yield (
            FAIL if silent else WARN,
            f"no heartbeat: {what}. If this lasts, stop and start dashtray up",
        )
    else:
        yield OK, f"{len(beats)} daemons, the last heartbeat {min(s for _, s in beats)} s ago"


def _heartbeats(engine: Engine) -> list[tuple[str, int]]:
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('daemon_heartbeats')")) is None:
            return []
        return [(row.daemon_type, row.seconds) for row in connection.execute(_BEATS)]


def warehouse(settings: Settings) -> Said:
    """What is published, and who holds the one writer's place, since when."""
    marts = settings.published_dir / "marts.duckdb"
    if marts.exists():
        age = datetime.now(UTC) - datetime.fromtimestamp(marts.stat().st_mtime, UTC)
        hours = age.total_seconds() / 3600
        yield OK, f"marts.duckdb {mebibytes(marts.stat().st_size)}, published {hours:.1f} hours ago"
    else:
        yield WARN, "nothing is published yet; run a sync"
    if (holder := _lock_holder(settings)) is not None:
        pid, since = holder
        run = _run_of(settings, pid)
        yield (
            OK,
            f"process {pid} holds the warehouse since {since}" + (f", run {run}" if run else ""),
        )


def _lock_holder(settings: Settings) -> tuple[str, str] | None:
    path = settings.warehouse_lock_path
    if not path.exists():
        return None
    with path.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, _, since = handle.read().strip().partition(" ")
            return pid, since or "an unknown time"
    return None


def _run_of(settings: Settings, pid: str) -> str | None:
    """The run that a process works on, by the owner that each sync notes."""
    with open_database(settings) as engine:
        for sync in unfinished_syncs(engine):
            with suppress(IndexError):
                if sync.owner.split("|")[2] == pid:
                    return sync.run_id
    return None
