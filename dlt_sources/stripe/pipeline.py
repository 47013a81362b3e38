"""How dlt is set up: no shared working directories, no state outside the warehouse.

Every run has a dlt pipeline of its own, because pipelines that share a directory disturb each
other; the cursor is in the warehouse, so there is nothing for dlt's own state to remember.
"""

from __future__ import annotations

import logging
from pathlib import Path

import dlt
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.pipeline.pipeline import Pipeline

from dlt_sources.stripe.streams import DATASET

NAME = "stripe"


def _without_expected(record: logging.LogRecord) -> bool:
    return not is_expected(record)


LOAD_MEMORY = "512MB"
"""What DuckDB may hold of its own blocks while loading; it spills beyond that. Decoding comes on
top: one row group of whole Stripe objects is about 400 MB."""

SETTINGS: dict[str, object] = {
    # A signal ends the process at once: a killed load is finished by the next one.
    "runtime.intercept_signals": False,
    "restore_from_destination": False,
    "normalize.parquet_normalizer.add_dlt_load_id": True,
    "data_writer.buffer_max_items": 4000,
    # One statement inserts one file. At exactly DuckDB's row group a file goes straight to its
    # place; smaller ones pass through the log and are rewritten, which took three times as long.
    "data_writer.file_max_items": 122_880,
}


def is_expected(record: logging.LogRecord) -> bool:
    """Tell dlt's warning that a JSON column arrives as Arrow text, which is how it is meant.

    It would come once for every table of every load.
    """
    return "column hints were different" in record.getMessage()


def configure() -> None:
    """Apply `SETTINGS` to dlt in this process; they win over no value that a user has set."""
    for key, value in SETTINGS.items():
        if dlt.config.get(key) is None:
            dlt.config[key] = value
    logger = logging.getLogger("dlt")
    if _without_expected not in logger.filters:
        logger.addFilter(_without_expected)


def open_pipeline(pipelines_dir: Path, warehouse: Path) -> Pipeline:
    """Return the pipeline that lives in `pipelines_dir`; nothing is opened yet.

    Args:
        pipelines_dir: The run's own directory.
        warehouse: The DuckDB file that `load` writes; `extract` and `normalize` only need to know
            what DuckDB can do.
    """
    configure()
    return dlt.pipeline(
        NAME,
        pipelines_dir=str(pipelines_dir),
        destination=dlt.destinations.duckdb(
            DuckDbCredentials(str(warehouse), global_config={"memory_limit": LOAD_MEMORY})
        ),
        dataset_name=DATASET,
    )
