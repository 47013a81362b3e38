"""A run's directory: what stage it reached, and whether a live process works on it.

    <work_dir>/<run_id>/lock        held (flock) while a process works on the run
                       /dlt/        the dlt pipeline with the load package
                       /complete    rows per table, once the package is whole
                       /attempt/    what a load works on
    <work_dir>/.unfinished/         journals of accounts still being read, by account: the next
                                    run of an account goes on from there, whatever its id

The kernel lets go of the lock when a process dies, however it dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_UNNAMED = ".new-"
UNFINISHED = ".unfinished"


class RunBusy(Exception):
    """Another live process works on this run."""


@dataclass(frozen=True)
class RunDirectory:
    """One run's directory."""

    path: Path

    @classmethod
    @contextmanager
    def create(cls, work_dir: Path, run_id: str) -> Iterator[RunDirectory]:
        """Make the directory of a new run and hold it.

        It gets its name only once it is held, so that nobody takes it for a killed run's.

        What a killed try of the same run left is discarded: a retry keeps the run's id.

        Raises:
            ValueError: If the run id was used before and its package is whole.
            RunBusy: If a live process works on the run.
        """
        path = work_dir / run_id
        if path.exists():
            earlier = cls(path)
            with earlier.locked():
                if earlier.complete_rows() is not None:
                    raise ValueError(f"run {run_id!r} exists already in {work_dir}: load it first")
                earlier.remove()
        work_dir.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            with _naming(work_dir):
                unnamed = work_dir / f"{_UNNAMED}{run_id}"
                shutil.rmtree(unnamed, ignore_errors=True)
                unnamed.mkdir()
                held.enter_context(cls(unnamed).locked())
                unnamed.rename(path)
            yield cls(path)

    @staticmethod
    def discard_unnamed(work_dir: Path) -> None:
        """Remove what a process left that was killed before its run had its name."""
        if not work_dir.is_dir():
            return
        with _naming(work_dir):
            for path in work_dir.glob(f"{_UNNAMED}*"):
                shutil.rmtree(path)

    @classmethod
    def below(cls, work_dir: Path) -> list[RunDirectory]:
        """Return all runs of a work directory, oldest first."""
        if not work_dir.is_dir():
            return []
        found = [
            path for path in work_dir.iterdir() if path.is_dir() and not path.name.startswith(".")
        ]
        return [cls(path) for path in sorted(found, key=lambda path: path.stat().st_ctime)]

    @property
    def pipelines(self) -> Path:
        """Dlt's pipelines directory, as the network phase left it; never written by a load."""
        return self.path / "dlt"

    @property
    def attempt(self) -> Path:
        """The copy of `pipelines` that a load works on."""
        return self.path / "attempt"

    def complete_rows(self) -> dict[str, int] | None:
        """Return rows per table of the whole package, `None` if the network phase has not ended."""
        try:
            rows: dict[str, int] = json.loads((self.path / "complete").read_text())
        except FileNotFoundError:
            return None
        return rows

    def mark_complete(self, rows: dict[str, int]) -> None:
        """Say that the package is whole, and what is in it."""
        written = self.path / "complete.tmp"
        written.write_text(json.dumps(rows))
        written.rename(self.path / "complete")

    def remove(self) -> None:
        """Remove the directory, the mark first: half a removal must not look complete."""
        (self.path / "complete").unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run while working on it.

        Raises:
            RunBusy: If another live process (or thread) holds it.
        """
        with (self.path / "lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunBusy(f"run {self.path.name} is being worked on") from None
            yield


@contextmanager
def _naming(work_dir: Path) -> Iterator[None]:
    """Hold the work directory itself, for the moment in which a run is made and named."""
    directory = os.open(work_dir, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
