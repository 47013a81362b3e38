"""Which warehouse this deployment has, and who may work on it when.

The only module of this package that asks the settings for file or lake. How either is opened is in
`dlt_sources.stripe.warehouse`. Rights to it are three:

- to *build*: models, publishing, housekeeping. One at a time, in either mode.
- to *load* and to read cursors: as building for a file, which has one writer and no reader beside
  it; anybody at any time for a lake.
- to do what only a file allows: refused for a lake.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import psycopg2

from connections.errors import DashtrayError
from connections.lake_settings import LAKE_SCHEMA, BucketSettings, LakeSettings, split_password
from connections.postgres import database_url, open_postgres
from connections.secret import Secret
from connections.settings import Settings
from dlt_sources.stripe.lake import Bucket, Lake, LakeUnusable
from dlt_sources.stripe.warehouse import Warehouse
from orchestration.warehouse_lock import warehouse_lock

#: The advisory lock of whoever builds, in the catalogue's database: "dashtray".
BUILDER = 0x6461736874726179

_POLL_SECONDS = 0.1


class LakeOutOfReach(DashtrayError):
    """The lake cannot be opened as it is configured."""


class NotWithALake(DashtrayError):
    """What was asked for works on a warehouse file only."""


def warehouse_of(settings: Settings) -> Warehouse:
    """Return where the deployment's data are; nothing is opened."""
    return settings.warehouse_path if settings.lake is None else _lake(settings, settings.lake)


def require_file(settings: Settings, what: str, instead: str) -> Path:
    """Return the warehouse file.

    Args:
        settings: The settings.
        what: What was asked for, as the beginning of a sentence.
        instead: What to do with a lake, as a sentence.

    Raises:
        NotWithALake: There is a lake.
    """
    if settings.lake is not None:
        raise NotWithALake(f"{what} works with a warehouse file, not with a lake. {instead}")
    return settings.warehouse_path


@contextmanager
def loading(settings: Settings, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the right to load, or to read what is not being built."""
    if settings.lake is not None:
        yield
        return
    with warehouse_lock(settings.warehouse_lock_path, on_wait):
        yield


@contextmanager
def building(settings: Settings, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the right to build, on whatever machine.

    The lock ends with the process that holds it, however that ends.

    Args:
        settings: The settings.
        on_wait: Called once with a sentence if another process holds it.

    Raises:
        LakeOutOfReach: The lake cannot be opened, here or within the block.
    """
    # Also for a lake: it orders the processes of this home, and says who it is that builds.
    with warehouse_lock(settings.warehouse_lock_path, on_wait):
        if settings.lake is None:
            yield
            return
        lake = _lake(settings, settings.lake)
        try:
            with lake.serving(), closing(lake.connect()) as connection:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    _lock(cursor, on_wait)
                    yield
        except LakeUnusable as error:
            raise LakeOutOfReach(str(error)) from None


def _lock(cursor: psycopg2.extensions.cursor, on_wait: Callable[[str], None] | None) -> None:
    waiting_said = False
    while True:
        cursor.execute("select pg_try_advisory_lock(%s)", [BUILDER])
        row = cursor.fetchone()
        if row and row[0]:
            return
        if on_wait and not waiting_said:
            on_wait("Waiting for the lake: another process builds.")
            waiting_said = True
        # As with the file's lock: a short poll keeps the wait interruptible.
        time.sleep(_POLL_SECONDS)


def _lake(settings: Settings, lake: LakeSettings) -> Lake:
    if lake.catalogue is None:
        catalogue, password = split_password(database_url(settings))
        serving: Callable[[], AbstractContextManager[object]] = partial(open_postgres, settings)
    else:
        catalogue, password, serving = lake.catalogue, lake.password, nullcontext
    return Lake(
        catalogue=catalogue,
        data=lake.data,
        schema=LAKE_SCHEMA,
        password=_revealed(password),
        bucket=None if lake.bucket is None else _bucket(lake.bucket),
        serving=serving,
    )


def _bucket(bucket: BucketSettings) -> Bucket:
    return Bucket(
        key_id=bucket.key_id.reveal(),
        secret=bucket.secret.reveal(),
        session_token=_revealed(bucket.session_token),
        region=bucket.region,
        endpoint=bucket.endpoint,
    )


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()
