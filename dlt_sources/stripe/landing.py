"""Where an account's rows wait until it is read: in memory up to a budget, then in its journal.

Only a completely read account enters a load package, so a failed one leaves nothing in the
warehouse; what it has read so far stays in its journal, to go on from. Memory does not grow with an
account.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa

from dlt_sources.stripe.journal import Checkpoint, Journal, Left
from dlt_sources.stripe.references import References, absent
from dlt_sources.stripe.remaining import Remaining
from dlt_sources.stripe.rows import Rows
from dlt_sources.stripe.streams import BY_NAME

ROWS_PER_TABLE = 4000
"""Rows of one Arrow table at most: bounds what dlt buffers for each stream."""

CHECKPOINT_SECONDS = 5.0
"""How much reading a kill may cost at most."""

SPILL_AT_LEAST = 1024 * 1024
"""Bytes below which an account that is being read is not asked to make room."""


class MemoryBudget:
    """Bytes of rows that may wait in memory, over all accounts of a run."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Count `size` bytes as waiting; a negative size gives them back."""
        with self._lock:
            self.used += size


class AccountLanding:
    """The rows of one account while it is being read. Safe to use from many threads."""

    def __init__(
        self,
        account_id: str,
        journal: Journal,
        *,
        budget: MemoryBudget,
        references: References | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self.account_id = account_id
        self.counts: dict[str, int] = {}
        self._journal = journal
        self._budget = budget
        self._references = references or References()
        self._checkpoint_seconds = checkpoint_seconds
        self._changed = threading.Condition()
        self._writing = False
        self._written_at = time.monotonic()
        self._rows: dict[str, Rows] = {}
        self._bytes = 0
        self._checkpoint: Checkpoint | None = None
        self._left: dict[Left, None] = {}
        self._remaining = Remaining()
        self._asked: set[tuple[str, str]] = set()
        self._requests: Callable[[], int] = lambda: 0

    def begin(self, checkpoint: Checkpoint, requests: Callable[[], int]) -> None:
        """From now on write checkpoints with the rows.

        Args:
            checkpoint: Where the reading is: at its beginning, or where an earlier try came to.
            requests: Called for the requests made so far by this try.
        """
        with self._changed:
            self._checkpoint = checkpoint
            self._requests = requests
            self._left = dict.fromkeys(checkpoint.left)
            # What an earlier try has read of the history is not among what is left.
            span = checkpoint.now + 1 - checkpoint.start if checkpoint.counts else None
            self._remaining.begin(checkpoint.left, span)
            for stream, count in checkpoint.counts.items():
                self.counts[stream] = self.counts.get(stream, 0) + count

    def add(
        self,
        stream: str,
        objects: Iterable[dict[str, Any]],
        read_at: int,
        read_order: int,
        *,
        done: Left | None = None,
        left: Iterable[Left] = (),
    ) -> int:
        """Land readings of `stream`; returns how many this account has of it now.

        Args:
            stream: Name of the stream.
            objects: What was read.
            read_at: When, by Stripe's clock, unix seconds.
            read_order: When, by this machine's clock, nanoseconds.
            done: What has been read by this.
            left: What is to be read because of this.
        """
        with self._changed:
            self._wait_for_room()
            rows = self._rows.setdefault(stream, Rows())
            size = 0
            landed = list(objects)
            for obj in landed:
                size += rows.append(obj, read_at, read_order)
            self._references.note(BY_NAME[stream], landed)
            count = self.counts[stream] = self.counts.get(stream, 0) + len(landed)
            self._exchange(done, left)
            self._bytes += size
            self._budget.take(size)
            if self._writing or not self._must_write(rows):
                return count
            self._writing = True
        self._write()
        return count

    def exchange(self, done: Left, left: Left) -> None:
        """Put another thing to be read in the place of one."""
        with self._changed:
            self._exchange(done, [left])

    def share_read(self, stream: str) -> float | None:
        """The share of a stream's history that has been read; None = nobody can tell."""
        with self._changed:
            return self._remaining.share_read(stream)

    def _exchange(self, done: Left | None, left: Iterable[Left]) -> None:
        going = [done] if done is not None and done in self._left else []
        for each in going:
            del self._left[each]
        coming = [each for each in left if each not in self._left]
        self._left.update(dict.fromkeys(coming))
        self._remaining.exchange(going, coming)

    def want(self, stream: str, ids: Iterable[str]) -> None:
        """Ask for objects that must be read, if they are not on the way already."""
        with self._changed:
            self._references.want(stream, ids)

    def _must_write(self, rows: Rows) -> bool:
        """No account may take more than its part, nor all together more than there is."""
        if self._budget.used >= self._budget.limit and self._bytes >= SPILL_AT_LEAST:
            return True
        if len(rows.ids) >= ROWS_PER_TABLE or self._bytes >= self._budget.limit // 4:
            return True
        due = time.monotonic() - self._written_at >= self._checkpoint_seconds
        return due and self._checkpoint is not None

    def _wait_for_room(self) -> None:
        """Hold readers up while a slow disk has as much again to write."""
        self._changed.wait_for(
            lambda: not self._writing or self._bytes < max(SPILL_AT_LEAST, self._budget.limit // 4)
        )

    def _write(self) -> None:
        """Write all that waits: the budget is the account's, not the stream's.

        Called without the lock, with `_writing` set. What arrives meanwhile waits for the next
        segment.
        """
        size = 0
        try:
            with self._changed:
                rows, self._rows = self._rows, {}
                size, self._bytes = self._bytes, 0
                named = self._references.take()
                checkpoint = self._checkpoint and replace(
                    self._checkpoint,
                    counts=dict(self.counts),
                    requests=self._checkpoint.requests + self._requests(),
                    left=tuple(self._left),
                )
            tables = {
                stream: waiting.to_table(self.account_id)
                for stream, waiting in rows.items()
                if waiting.ids
            }
            self._journal.write(tables, named, checkpoint)
        finally:
            with self._changed:
                self._written_at = time.monotonic()
                self._writing = False
                self._budget.take(-size)
                self._changed.notify_all()

    def _take_turn(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._writing)
            self._writing = True

    def finish(self) -> None:
        """Say that the account is read: its rows may wait long for those of the others."""
        if self._budget.used >= self._budget.limit // 2:
            self._take_turn()
            self._write()

    def give_up(self) -> None:
        """Say that the account failed: what it has read so far is there to go on from."""
        if self._checkpoint is None:
            self.discard()
            return
        # The outcome tells of the requests, so the next try must not count them again.
        self._checkpoint = replace(self._checkpoint, requests=0)
        self._requests = lambda: 0
        self._take_turn()
        self._write()
        self._journal.close()

    def discard(self) -> None:
        """Remove all rows."""
        self._budget.take(-self._bytes)
        self._rows, self._bytes = {}, 0
        self._journal.discard()

    def seen(self, stream: str) -> frozenset[int]:
        """Return Python's hashes of the ids of `stream` that were read."""
        with self._changed:
            return frozenset(hash(each) for ids in self._read(stream) for each in ids.to_pylist())

    def missing(self) -> dict[str, list[str]]:
        """Return, by stream, ids that are named and were not read nor returned before.

        Call again after reading them: they may name further objects.
        """
        with self._changed:
            missing: dict[str, list[str]] = {}
            for stream in sorted(BY_NAME):
                ids = [
                    each
                    for each in absent(self._named(stream), partial(self._read, stream))
                    if (stream, each) not in self._asked
                ]
                if ids:
                    missing[stream] = ids
                    self._asked.update((stream, each) for each in ids)
            return missing

    def _named(self, stream: str) -> Iterator[pa.Array]:
        yield pa.array(self._references.wanted.get(stream, ()), pa.string())
        for table in self._journal.named(stream):
            yield from table["id"].chunks

    def _read(self, stream: str) -> Iterator[pa.Array]:
        waiting = self._rows.get(stream)
        yield pa.array(waiting.ids if waiting else (), pa.string())
        for table in self._journal.tables(stream, ["id"]):
            yield from table["id"].chunks

    def tables(self, stream: str) -> Iterator[pa.Table]:
        """Yield the stream's rows, written ones first; for use once the account is read."""
        yield from self._journal.tables(stream)
        rows = self._rows.get(stream)
        if rows and rows.ids:
            yield rows.to_table(self.account_id)
