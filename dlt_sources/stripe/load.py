"""The load phase: the only part that opens the warehouse.

Killed at any moment and run again, it ends with every whole package in the warehouse exactly
once.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import duckdb
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_sources.stripe.errors import LoadFailed
from dlt_sources.stripe.models import Extraction, LoadReport
from dlt_sources.stripe.pipeline import NAME, open_pipeline
from dlt_sources.stripe.runs import RunBusy, RunDirectory
from dlt_sources.stripe.streams import DATASET
from dlt_sources.stripe.warehouse import (
    Warehouse,
    destination,
    memory_for,
    tried_again,
    writing,
)

LOAD_WORKERS = 1
"""Files loaded side by side: each holds row groups of its own in memory."""


def load_extraction(source: Extraction | Path, *, warehouse: Warehouse) -> LoadReport:
    """Load a finished extraction into `warehouse`, and whatever killed runs left beside it.

    Args:
        source: An extraction, or the work directory. Either way unfinished runs of the work
            directory are completed (packages that are whole) or discarded (the network phase was
            killed). Runs that another live process is working on are left alone.
        warehouse: Created if it is missing. The caller holds the writer lock of a file; into a lake
            any number of processes may load at once.

    Returns:
        What was loaded; empty if everything was in the warehouse already.

    Raises:
        LoadFailed: If dlt could not load a package; running again is safe.
    """
    began = time.monotonic()
    wanted = source.run_dir if isinstance(source, Extraction) else None
    work_dir = source.run_dir.parent if isinstance(source, Extraction) else source
    rows: Counter[str] = Counter()
    load_ids: list[str] = []
    loaded: list[str] = []
    discarded: list[str] = []
    RunDirectory.discard_unnamed(work_dir)
    for run in RunDirectory.below(work_dir):
        try:
            with run.locked():
                package_rows = run.complete_rows()
                if package_rows is None:
                    discarded.append(run.path.name)
                elif new := _load_run(run, warehouse):
                    load_ids += new
                    loaded.append(run.path.name)
                    rows.update(package_rows)
                run.remove()
        except RunBusy as busy:
            if run.path == wanted:
                raise LoadFailed(f"{busy}: it cannot be loaded twice at once") from None
        except FileNotFoundError:
            if run.path.exists():
                raise
    return LoadReport(
        rows=dict(rows),
        load_ids=tuple(load_ids),
        runs=tuple(loaded),
        discarded=tuple(discarded),
        seconds=time.monotonic() - began,
    )


def _load_run(run: RunDirectory, warehouse: Warehouse) -> list[str]:
    """Load the run's packages; returns the load ids that were not in the warehouse before."""
    packages = run.pipelines / NAME / "load" / "normalized"
    load_ids = sorted(path.name for path in packages.iterdir()) if packages.is_dir() else []
    try:
        return tried_again(partial(_try_to_load, run, warehouse, load_ids), Exception)
    except (PipelineStepFailed, duckdb.Error) as failure:
        raise LoadFailed(
            f"run {run.path.name} could not be loaded into {warehouse.name}: "
            f"{getattr(failure, 'exception', failure)}"
        ) from failure


def _try_to_load(run: RunDirectory, warehouse: Warehouse, load_ids: list[str]) -> list[str]:
    if run.attempt.exists():
        load_ids = forget_partial(warehouse, load_ids)
        shutil.rmtree(run.attempt)
    if load_ids:
        copy_with_links(run.pipelines, run.attempt)
        memory = memory_for(run.pipelines.rglob("*.parquet"))
        with writing(warehouse, memory=memory) as connection:
            open_pipeline(run.attempt, destination(connection)).load(workers=LOAD_WORKERS)
    return load_ids


def forget_partial(warehouse: Warehouse, load_ids: Sequence[str]) -> list[str]:
    """Delete rows that a killed load left, and return the loads that are to be done.

    dlt marks a file as loaded after DuckDB has committed it, so a load killed in between would
    write that file again; and a load counts only with its row in `_dlt_loads`, so what it wrote
    without one can go.
    """
    if not warehouse.exists():
        return list(load_ids)
    with writing(warehouse) as connection:
        tables = {
            name
            for (name,) in connection.execute(
                "select table_name from information_schema.columns"
                " where table_catalog = current_database() and table_schema = ?"
                " and column_name in ('_dlt_load_id', 'load_id')",
                [DATASET],
            ).fetchall()
        }
        done: set[str] = set()
        if "_dlt_loads" in tables:
            done = {
                load_id
                for (load_id,) in connection.execute(
                    f"select load_id from {DATASET}._dlt_loads where status = 0"  # noqa: S608
                ).fetchall()
            }
        todo = [load_id for load_id in load_ids if load_id not in done]
        for table in tables - {"_dlt_loads"}:
            for load_id in todo:
                connection.execute(
                    f'delete from {DATASET}."{table}" where _dlt_load_id = ?',  # noqa: S608
                    [load_id],
                )
    return todo


def copy_with_links(source: Path, target: Path) -> None:
    """Copy a tree; data files, which are never written again, as hard links."""

    def place(src: str, dst: str) -> str:
        if src.endswith(".parquet"):
            os.link(src, dst)
            return dst
        return shutil.copy2(src, dst)

    shutil.copytree(source, target, copy_function=place)
