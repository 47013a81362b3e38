"""`dashtray doctor`: what each part of the home takes on the disk, and whether there is room."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from connections.disk import size_of
from connections.forgetting import database_bytes
from connections.postgres import open_database
from connections.settings import Settings
from console.findings import FAIL, OK, WARN, Said

GIB = 2**30
#: Below this nothing can be relied on: Postgres stops when its disk is full.
_NO_ROOM = GIB // 2
_LITTLE_ROOM = 2 * GIB
#: Housekeeping and a backup write the warehouse once more before the former file goes.
_ROOM_FOR_COPIES = 1.5


@dataclass(frozen=True)
class Part:
    """One part of a home.

    Attributes:
        name: For people.
        patterns: What belongs to it, relative to the home.
        limit: Bytes above which something is wrong with it; None for data, which may grow.
        remedy: What to do then.
    """

    name: str
    patterns: tuple[str, ...]
    limit: int | None = None
    remedy: str = ""


PARTS = (
    Part("warehouse", ("warehouse.duckdb*", ".warehouse.duckdb*", "lake")),
    Part(
        "embedded Postgres",
        ("postgres",),
        10 * GIB,
        "Shorten DASHTRAY_KEEP_RUNS_DAYS and run: dashtray housekeeping",
    ),
    Part("published", ("published",)),
    Part(
        "load packages",
        ("runs",),
        10 * GIB,
        "They wait for a load: see in the Dagster UI why the last runs failed",
    ),
    Part("logs", ("logs", "dagster"), 2 * GIB, "Run: dashtray housekeeping"),
    Part("dbt", ("dbt",), 2 * GIB, "Run: dashtray housekeeping"),
)


def disk(settings: Settings) -> Said:
    """Free space, and the size of each part."""
    free = shutil.disk_usage(settings.home).free
    warehouse = settings.warehouse_path
    wanted = warehouse.stat().st_size * _ROOM_FOR_COPIES if warehouse.exists() else 0
    room = f"{free / GIB:,.1f} GiB free under {settings.home}"
    if free < _NO_ROOM:
        yield FAIL, f"{room}. Make room now: Postgres stops when the disk is full"
    elif free < _LITTLE_ROOM or free < wanted:
        yield WARN, f"{room}; {max(wanted, _LITTLE_ROOM) / GIB:,.1f} GiB should be. Make room"
    else:
        yield OK, room
    for part in PARTS:
        size = sum(
            size_of(path) for pattern in part.patterns for path in settings.home.glob(pattern)
        )
        too_large = part.limit is not None and size > part.limit
        limit = f" (limit {mebibytes(part.limit)})" if part.limit is not None else ""
        yield (
            WARN if too_large else OK,
            f"{part.name} {mebibytes(size)}{limit}" + (f". {part.remedy}" if too_large else ""),
        )
    if settings.database_url is not None:
        with open_database(settings) as engine:
            yield OK, f"database {mebibytes(database_bytes(engine))} on the server"


def mebibytes(size: float) -> str:
    """A size for people."""
    return f"{size / 2**20:,.1f} MiB"
