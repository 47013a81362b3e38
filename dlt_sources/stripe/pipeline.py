"""How dlt is set up: no shared working directories, no state outside the warehouse.

Every run has a dlt pipeline of its own, because pipelines that share a directory disturb each
other; the cursor is in the warehouse, so there is nothing for dlt's own state to remember.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination import Destination
from dlt.pipeline.pipeline import Pipeline

from dlt_sources.stripe.streams import DATASET
from dlt_sources.stripe.warehouse import ROW_GROUP

NAME = "stripe"


def _without_expected(record: logging.LogRecord) -> bool:
    return not is_expected(record)


SETTINGS: dict[str, object] = {
    # A signal ends the process at once: a killed load is finished by the next one.
    "runtime.intercept_signals": False,
    "restore_from_destination": False,
    "normalize.parquet_normalizer.add_dlt_load_id": True,
    # Tables come in the size in which they are to be written.
    "data_writer.buffer_max_items": 1,
    # One statement inserts one file. Whole row groups go straight to their place; what is left
    # over passes through the log and is written twice, so files are large and a multiple of one.
    "data_writer.file_max_items": 16 * ROW_GROUP,
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


def open_pipeline(pipelines_dir: Path, destination: Destination[Any, Any]) -> Pipeline:
    """Return the pipeline that lives in `pipelines_dir`; nothing is opened yet.

    Args:
        pipelines_dir: The run's own directory.
        destination: What `load` writes to; `extract` and `normalize` only need to know what it
            can do, so any DuckDB will do for them.
    """
    configure()
    return dlt.pipeline(
        NAME,
        pipelines_dir=str(pipelines_dir),
        destination=destination,
        dataset_name=DATASET,
    )
