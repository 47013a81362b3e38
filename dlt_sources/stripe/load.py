"""The load phase: the only part that opens the warehouse. Killed at any moment and run again, it
ends with every completed package in the warehouse exactly once."""

from __future__ import annotations

from pathlib import Path

from dlt_sources.stripe.models import Extraction, LoadReport


def load_extraction(source: Extraction | Path, *, warehouse: Path) -> LoadReport:
    """Load a finished extraction into `warehouse`, and whatever killed runs left beside it.

    Args:
        source: An extraction, or the work directory, whose unfinished runs are then completed
            (packages that are whole) or discarded (network phase was killed). Runs that another
            live process is working on are left alone.
        warehouse: The DuckDB file; created if it is missing. The caller holds the writer lock.

    Returns:
        What was loaded; empty if everything was in the warehouse already.

    Raises:
        LoadFailed: If dlt could not load a package; running again is safe.
    """
    raise NotImplementedError
