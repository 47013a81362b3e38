"""A small pool of read-only connections to the published marts.

A build replaces the published file by an atomic rename, and who keeps the old file open goes on
seeing it. So each lease looks at the file's inode first and opens the new file when it changed;
a page holds one lease, hence all of its numbers come from one build.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from console.marts import NothingPublished

#: Pages that read at the same moment; more wait. Each query uses all of DuckDB's threads.
CONNECTIONS = 4

Row = Mapping[str, Any]
Made = TypeVar("Made")


class Reader:
    """One build's marts, as one page reads them.

    The same query with the same parameters is asked once per reader: the widgets of a page share
    their totals.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._made: dict[object, Any] = {}

    def once(self, key: object, make: Callable[[], Made]) -> Made:
        """What was made for this key before, else what `make` makes now."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Ask the marts.

        Args:
            sql: A query with `?` for each parameter.
            parameters: Their values.

        Returns:
            One mapping per row; money and rates are Decimal.
        """
        return self.once((sql, tuple(parameters)), lambda: self._ask(sql, parameters))

    def named(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Ask with `$name` for each parameter; those that the query does not use are left out."""
        used = {name: value for name, value in parameters.items() if f"${name}" in sql}
        return self._ask(sql, used)

    def _ask(self, sql: str, parameters: Sequence[object] | Mapping[str, object]) -> list[Row]:
        result = self._connection.execute(sql, parameters)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


class _Generation:
    """One opened file, closed when it was superseded and its last reader has gone."""

    def __init__(self, path: Path, inode: tuple[int, int]) -> None:
        self.inode = inode
        self.readers = 0
        self.superseded = False
        # In memory with the file attached: DuckDB hands out one database per path and process,
        # so a second connection to the path would see the first one's old file.
        self._root = duckdb.connect(":memory:")
        quoted = str(path).replace("'", "''")
        self._root.execute(f"attach '{quoted}' as published (read_only)")
        self._root.execute("set enable_external_access = false")
        self._root.execute("set lock_configuration = true")
        self._idle: list[duckdb.DuckDBPyConnection] = []

    def take(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the file."""
        if self._idle:
            return self._idle.pop()
        connection = self._root.cursor()
        connection.execute("use published")
        return connection

    def give_back(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Keep a connection for the next reader."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close the file."""
        for connection in self._idle:
            connection.close()
        self._root.close()


class PublishedMarts:
    """The published file, opened when first asked for and again after each build."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._generation: _Generation | None = None

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """Lease a connection for one page.

        Raises:
            NothingPublished: No sync has finished yet.
        """
        with self._places:
            with self._lock:
                generation = self._current()
                generation.readers += 1
                connection = generation.take()
            try:
                yield Reader(connection)
            finally:
                with self._lock:
                    generation.give_back(connection)
                    generation.readers -= 1
                    self._close_if_done(generation)

    def close(self) -> None:
        """Let go of the file; open leases end first."""
        with self._lock:
            if self._generation is not None:
                self._generation.superseded = True
                self._close_if_done(self._generation)
                self._generation = None

    def _current(self) -> _Generation:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            raise NothingPublished(
                "No numbers are published yet. They appear after the first sync."
            ) from None
        # Read before the file is opened: if it is replaced in between, the next lease opens it
        # once more than needed, and none goes on with an old one.
        inode = (status.st_dev, status.st_ino)
        if self._generation is None or self._generation.inode != inode:
            former, self._generation = self._generation, _Generation(self.path, inode)
            if former is not None:
                former.superseded = True
                self._close_if_done(former)
        return self._generation

    @staticmethod
    def _close_if_done(generation: _Generation) -> None:
        if generation.superseded and generation.readers == 0:
            generation.close()
