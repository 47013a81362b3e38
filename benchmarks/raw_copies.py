"""A warehouse's raw tables at scale: one simulated business, many times over, landed as it is read.

Belongs here: making the raw rows quickly and keeping them for the next run. Not here: what is done
with them (`marts.py`).

One world is built and read twice, as a first import and as the sync after it. Each object is then
written once per copy, its ids (and its account's) ending differently, by the cutting that the
simulator's `large` preset uses: hundreds of thousands of objects a second.
"""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dlt_sources.stripe.warehouse import writing
from stripe_simulator.copies import COPIED_ID_BYTES, SUFFIXES
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import build_world
from tests.dbt_project.landing import STREAMS, Load, create_raw_schema, utc
from tests.dbt_project.worlds import DAY, Reader

NOW = int(dt.datetime(2026, 3, 20, 15, 30, tzinfo=dt.UTC).timestamp())
#: What exists once in an account, however many copies of its customers there are.
SHARED = ("accounts", "products", "prices", "coupons")
ROWS_AT_ONCE = 20_000
#: So that two processes end at about the same time.
LARGEST_FIRST = sorted(STREAMS, key=lambda stream: stream not in ("events", "invoices"))
_FORKED: dict[str, Any] = {}
ROW = pa.schema(
    [
        ("account_id", pa.string()),
        ("id", pa.string()),
        ("created", pa.timestamp("us")),
        ("read_at", pa.timestamp("us")),
        ("read_order", pa.int64()),
        ("deleted", pa.bool_()),
        ("object", pa.string()),
        ("_dlt_load_id", pa.string()),
    ]
)


@dataclass(frozen=True)
class Shape:
    """How big the warehouse is.

    Attributes:
        copies: How often each customer of the business exists, over all accounts.
        accounts: Over how many accounts they are spread: half of the copies are in the first
            fifth of the accounts, the others evenly in the rest.
        days: How long the business has existed.
        history_days: How far back its payments are read.
        changed: The share of objects, events aside, that the second sync finds new or changed.
        seed: Of the world.
    """

    copies: int = 100
    accounts: int = 20
    days: int = 548
    history_days: int = 330
    changed: float = 0.01
    seed: int = 1

    @property
    def name(self) -> str:
        """What its folder in the cache is called."""
        days = f"{self.days}-{self.history_days}d"
        return f"{self.copies}x-{self.accounts}a-{days}-{self.changed}-{self.seed}"

    @property
    def history_start(self) -> int:
        """From when payments are read, Unix seconds at a UTC midnight."""
        return (NOW - self.history_days * DAY) // DAY * DAY

    def suffixes(self) -> list[Sequence[str]]:
        """For each account the endings of its copies' ids."""
        large = max(1, self.accounts // 5)
        small = self.accounts - large
        sizes = [self.copies // 2 // large] * large if small else [self.copies // large] * large
        rest = self.copies - sum(sizes)
        sizes += [rest // small + (number < rest % small) for number in range(small)]
        ends = [sum(sizes[:number]) for number in range(len(sizes) + 1)]
        return [SUFFIXES[start:end] for start, end in pairwise(ends)]


def prepared(cache: Path, shape: Shape, say: Callable[[str], None] = print) -> Path:
    """Return the folder of a shape's raw data, made if it is not there.

    Returns:
        A folder with `raw.duckdb`, the warehouse after the first import, `tick/<stream>.parquet`,
        what the sync after it found, and `counts.json`, objects by stream.
    """
    folder = cache / shape.name
    if (folder / "counts.json").exists():
        return folder
    (folder / "tick").mkdir(parents=True, exist_ok=True)
    (folder / "first").mkdir(exist_ok=True)
    say("building the world ...")
    first, tick = _syncs(shape)
    counts = {}
    _FORKED.update(folder=folder, shape=shape, first=first, tick=tick)
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as processes:
        for stream, objects, changed in processes.map(_write_both, LARGEST_FIRST):
            counts[stream] = objects
            say(f"{stream}: {objects:,} objects, then {changed:,} new or changed")
    raw = folder / "raw.duckdb"
    raw.unlink(missing_ok=True)
    with writing(raw, memory=2**30) as connection:
        create_raw_schema(connection)
        land(connection, folder / "first", first.read_at, shape, "1")
    for stream in STREAMS:
        (folder / "first" / f"{stream}.parquet").unlink(missing_ok=True)
    (folder / "tick" / "read_at").write_text(str(tick.read_at))
    (folder / "counts.json").write_text(json.dumps(counts))
    return folder


def land(
    connection: duckdb.DuckDBPyConnection, folder: Path, read_at: int, shape: Shape, load_id: str
) -> None:
    """Append what was written in a folder to the raw tables, as one load of all accounts."""
    for stream in STREAMS:
        file = folder / f"{stream}.parquet"
        if file.exists():
            connection.execute(
                f"insert into raw_stripe.{stream} select * from read_parquet(?)", [str(file)]
            )
    land_syncs(connection, read_at, shape, load_id)


def land_syncs(
    connection: duckdb.DuckDBPyConnection, read_at: int, shape: Shape, load_id: str
) -> None:
    """Record that every account was read; all that a sync leaves that found nothing."""
    for number in range(len(shape.suffixes())):
        connection.execute(
            "insert into raw_stripe.syncs values (?, ?, ?, ?, ?, ?, null, 0, 0, ?, ?)",
            [
                account_id(number),
                f"sync_{load_id}_{number}",
                "first_import" if load_id == "1" else "incremental",
                utc(read_at),
                read_at - 60,
                utc(shape.history_start),
                read_at * 1_000_000_000,
                load_id,
            ],
        )
    connection.execute(
        "insert into raw_stripe._dlt_loads values (?, 'stripe', 0, now(), 'benchmark')", [load_id]
    )


def account_id(number: int) -> str:
    """The id of one of the accounts."""
    return f"acct_benchmark{number:06}"


def _syncs(shape: Shape) -> tuple[Load, Load]:
    store = ObjectStore()
    start = (NOW - shape.days * DAY) // DAY * DAY
    # Few one-off payments: about as many charges as invoices.
    world = build_world("demo", shape.seed, start, NOW, store, one_off=0.02)
    reader = Reader(world, store, world.accounts[0].id, shape.history_start)
    first = reader.load()
    objects = sum(len(list(found)) for name, found in first.objects.items() if name != "events")
    merged: dict[str, dict[str, Any]] = {stream: {} for stream in STREAMS}
    # A few hours at a time until enough has changed; what changed twice counts once.
    while True:
        world.advance(world.now + 4 * 3600)
        later = reader.load()
        for stream, found in later.objects.items():
            merged[stream].update({item["id"]: item for item in found})
        changed = sum(len(found) for name, found in merged.items() if name != "events")
        if changed >= shape.changed * objects:
            break
    tick = Load(
        account_id=later.account_id,
        read_at=later.read_at,
        objects={stream: list(found.values()) for stream, found in merged.items()},
    )
    return first, tick


def _write_both(stream: str) -> tuple[str, int, int]:
    """Write one stream of both syncs; what is written is inherited, not sent."""
    folder, shape = _FORKED["folder"], _FORKED["shape"]
    written = [_write(folder / name, stream, _FORKED[name], shape) for name in ("first", "tick")]
    return stream, written[0], written[1]


def _write(folder: Path, stream: str, load: Load, shape: Shape) -> int:
    """Write one stream of all copies as Parquet; the number of objects."""
    cut = [
        (item["id"], item.get("created"), _pieces(stream, item, load.account_id))
        for item in load.objects[stream]
    ]
    if not cut:
        return 0
    written = 0
    with pq.ParquetWriter(folder / f"{stream}.parquet", ROW, compression="zstd") as writer:
        for number, suffixes in enumerate(shape.suffixes()):
            for batch in _batches(_copies(cut, stream, account_id(number), suffixes)):
                rows = len(batch)
                written += rows
                ids, created, objects = zip(*batch, strict=True)
                writer.write_table(
                    pa.table(
                        [
                            pa.repeat(account_id(number), rows),
                            pa.array(ids, pa.string()),
                            pa.array(created, pa.timestamp("us")),
                            pa.repeat(pa.scalar(utc(load.read_at), pa.timestamp("us")), rows),
                            pa.repeat(load.read_at * 1_000_000_000, rows),
                            pa.repeat(False, rows),
                            pa.array(objects, pa.binary()).cast(pa.string()),
                            pa.repeat("1" if folder.name == "first" else "2", rows),
                        ],
                        schema=ROW,
                    )
                )
    return written


def _pieces(stream: str, item: dict[str, Any], own_account: str) -> list[bytes]:
    content = orjson.dumps(item)
    if stream == "accounts":
        return content.split(own_account.encode())
    ends = [found.end() for found in COPIED_ID_BYTES.finditer(content)]
    return [content[start:end] for start, end in pairwise([0, *ends, len(content)])]


def _copies(
    cut: list[tuple[str, int | None, list[bytes]]],
    stream: str,
    account: str,
    suffixes: Sequence[str],
) -> Iterator[tuple[str, dt.datetime | None, bytes]]:
    for own_id, created, pieces in cut:
        at = None if created is None else utc(created)
        if stream == "accounts":
            yield account, at, account.encode().join(pieces)
        elif stream in SHARED:
            yield own_id, at, b"".join(pieces)
        else:
            for suffix in suffixes:
                yield own_id + suffix, at, suffix.encode().join(pieces)


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
