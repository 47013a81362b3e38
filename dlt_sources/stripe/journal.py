"""The rows of one unfinished account on disk, and how far its reading has come.

    <directory>/<account_id>/lock              held (flock) while a process works on the account
                            /000001/*.arrow    rows by stream
                                   /*.named    ids that they name, by stream of the named
                                   /checkpoint what was left to read when they were written

A segment is written aside and gets its name by one rename, so rows and checkpoint become durable
together, and the newest checkpoint describes exactly the rows of all segments. What to do with a
checkpoint is `account`'s concern, what to write when is `landing`'s.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import orjson
import pyarrow as pa

from dlt_sources.stripe.errors import StripeReadError
from dlt_sources.stripe.rows import OBJECT_SCHEMA
from dlt_sources.stripe.windows import PAGE, Window

RESUME_WITHIN = 3 * 86_400
"""Seconds after which unfinished work is too old to go on with. Changes since its T0 are read from
the events feed afterwards, which reaches back much further; rows must not lie about for ever."""

FORMAT = 2
"""Part of what is asked, so that files of another make are not gone on from."""

_CHECKPOINT = "checkpoint"
_ASIDE = "new"
_NAMED_SCHEMA = pa.schema([("id", pa.string())])
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a list that is still to be read.

    Attributes:
        stream: Which list.
        query: Parameters that choose it, beside the window.
        window: What of it, with the object that the next page starts after.
        limit: Objects per page.
    """

    stream: str
    query: tuple[tuple[str, str], ...]
    window: Window
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class Held:
    """An object whose nested lists are still to be completed; until then it is not landed."""

    stream: str
    id: str


Left = Part | Held


@dataclass(frozen=True)
class Checkpoint:
    """How far the reading of one account has come.

    Attributes:
        task: What was asked, and by which authorisation; other work is not gone on with.
        began: This machine's clock when the reading began, unix seconds.
        now: T0 by Stripe's clock, unix seconds: the first try's, because its rows are kept.
        start: Start of the payment history, unix seconds.
        landed: Ids of events landed by the poll.
        counts: Rows by stream.
        requests: Requests that no outcome has told of yet.
        left: What is still to be read of the lists.
    """

    task: Mapping[str, Any]
    began: int
    now: int
    start: int
    landed: frozenset[str] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    left: tuple[Left, ...] = ()

    def to_json(self) -> bytes:
        """Return it as JSON."""
        return orjson.dumps(asdict(self) | {"landed": sorted(self.landed)})

    @classmethod
    def from_json(cls, text: bytes) -> Checkpoint:
        """Return what `to_json` was given."""
        values = orjson.loads(text)
        values["landed"] = frozenset(values["landed"])
        values["left"] = tuple(_left(each) for each in values["left"])
        return cls(**values)


def _left(values: dict[str, Any]) -> Left:
    if "id" in values:
        return Held(**values)
    query = tuple((name, value) for name, value in values["query"])
    return Part(values["stream"], query, Window(**values["window"]), values["limit"])


class Journal:
    """One account's directory. `write` is called by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock: TextIO | None = None
        self._segments: list[Path] = []

    def restore(self, task: Mapping[str, Any], now: float) -> tuple[Checkpoint | None, str | None]:
        """Find what an earlier try of the same task left.

        Args:
            task: What is asked now.
            now: This machine's clock, unix seconds.

        Returns:
            The checkpoint to go on from, if any; or why what was there has been discarded.

        Raises:
            StripeReadError: If another process works on the account.
        """
        if not self._directory.is_dir():
            return None, None
        self._hold()
        shutil.rmtree(self._directory / _ASIDE, ignore_errors=True)
        segments = sorted(path for path in self._directory.iterdir() if path.is_dir())
        checkpoint, reason = _newest(segments, task, now)
        if checkpoint is None:
            self.discard()
        else:
            self._segments = segments
        return checkpoint, reason

    def write(
        self,
        tables: Mapping[str, pa.Table],
        named: Mapping[str, set[str]],
        checkpoint: Checkpoint | None,
    ) -> None:
        """Write one segment; without a checkpoint it only makes room in memory."""
        self._hold()
        aside = self._directory / _ASIDE
        aside.mkdir()
        for stream, table in tables.items():
            _write_table(aside / f"{stream}.arrow", table)
        for stream, ids in named.items():
            if ids:
                table = pa.Table.from_arrays([pa.array(ids, pa.string())], schema=_NAMED_SCHEMA)
                _write_table(aside / f"{stream}.named", table)
        if checkpoint is not None:
            (aside / _CHECKPOINT).write_bytes(checkpoint.to_json())
            for path in aside.iterdir():
                _to_disk(path)
        segment = self._directory / f"{len(self._segments) + 1:08}"
        aside.rename(segment)
        if checkpoint is not None:
            _to_disk(self._directory)
        self._segments.append(segment)

    def tables(self, stream: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of `stream` in the order in which they were landed."""
        fields = None if columns is None else [OBJECT_SCHEMA.get_field_index(c) for c in columns]
        for segment in list(self._segments):
            yield from _read_table(segment / f"{stream}.arrow", fields)

    def named(self, stream: str) -> Iterator[pa.Table]:
        """Yield the ids of `stream` that written rows name, those of each segment once."""
        for segment in list(self._segments):
            yield from _read_table(segment / f"{stream}.named", None)

    def discard(self) -> None:
        """Remove everything of this account; a directory that another process holds stays."""
        self._segments = []
        if self._lock is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            with suppress(OSError):
                self._directory.parent.rmdir()
        self.close()

    def close(self) -> None:
        """Let go of the directory."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _hold(self) -> None:
        """Take the directory, making it if need be."""
        while self._lock is None:
            try:
                self._directory.mkdir(parents=True, exist_ok=True)
                handle = (self._directory / "lock").open("w")
            except FileNotFoundError:
                # Its last owner removed it, or its parent, in this moment.
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.close()
                raise StripeReadError(
                    f"another process is reading {self._directory.name}: let it end"
                ) from None
            if os.fstat(handle.fileno()).st_nlink:
                self._lock = handle
            else:
                handle.close()


def _newest(
    segments: list[Path], task: Mapping[str, Any], now: float
) -> tuple[Checkpoint | None, str | None]:
    try:
        checkpoint = Checkpoint.from_json((segments[-1] / _CHECKPOINT).read_bytes())
    except (IndexError, FileNotFoundError):
        # Killed before the first checkpoint: nothing to go on from, nothing worth a word.
        return None, None
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return None, "unfinished work was discarded: its checkpoint is of another version"
    if checkpoint.task != dict(task):
        old, new = dict(checkpoint.task), dict(task)
        changed = ", ".join(sorted(k for k in old | new if old.get(k) != new.get(k)))
        return None, f"unfinished work was discarded: it had another {changed}"
    if not 0 <= now - checkpoint.began <= RESUME_WITHIN:
        hours = round((now - checkpoint.began) / 3600)
        return None, f"unfinished work was discarded: it began {hours} hours ago"
    return checkpoint, None


def remove_abandoned(unfinished: Path, now: float) -> list[str]:
    """Remove work that nobody came back for; returns the accounts whose work it was."""
    removed = []
    for directory in unfinished.iterdir() if unfinished.is_dir() else ():
        with suppress(FileNotFoundError):
            if now - directory.stat().st_mtime <= RESUME_WITHIN:
                continue
        journal = Journal(directory)
        with suppress(StripeReadError):
            journal.restore({}, now)
            journal.discard()
            removed.append(directory.name)
    return removed


def _write_table(path: Path, table: pa.Table) -> None:
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, table.schema, options=_COMPRESSED) as writer,
    ):
        writer.write_table(table)


def _read_table(path: Path, fields: list[int] | None) -> Iterator[pa.Table]:
    if not path.exists():
        return
    options = pa.ipc.IpcReadOptions(included_fields=fields or [])
    with pa.OSFile(str(path)) as source, pa.ipc.open_file(source, options=options) as reader:
        yield reader.read_all()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
