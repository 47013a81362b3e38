"""The live display of a run in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from console.jobs import Watch
from console.output import err

#: What people read while a phase of the run goes on.
PHASE_WORDS = {
    None: "Starting Dagster",
    "extract": "Reading Stripe",
    "load": "Loading into the warehouse",
    "dbt": "Building and testing the models",
    "publish": "Publishing the marts",
    "copies": "Writing the accounts' own files",
}


@contextmanager
def live_run(title: str) -> Iterator[Watch]:
    """Show a run's phase and the objects read so far, while the block lasts.

    Args:
        title: What is being done, for people.

    Yields:
        The function to give the run's reports to.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(title, total=None)

        def watch(report: dict[str, Any]) -> None:
            words = PHASE_WORDS.get(report["phase"], str(report["phase"]))
            counts: dict[str, int] = {}
            for streams in report["streams"].values():
                for name, state in streams.items():
                    counts[name] = counts.get(name, 0) + state["objects"]
            read = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
            progress.update(task, description=f"{title}: {words}" + (f" ({read})" if read else ""))

        yield watch
