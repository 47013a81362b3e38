"""dbt in this process: one build, its events one by one, its connections closed after.

Starting dbt as a command costs more than half a minute on two cores (it is imported and the
project parsed again); here it is imported while the network is busy and handed a parsed
manifest. What the events mean to Dagster is in `dbt_assets.py`.
"""

from __future__ import annotations

import gc
import os
import queue
import shutil
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from connections.settings import Settings
from dlt_sources.stripe.warehouse import Warehouse
from orchestration.dbt_manifest import DBT_PROJECT_DIR, prepared_target
from orchestration.warehouse import warehouse_of

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


class DbtBuildFailed(Exception):
    """A model or a test of the dbt build failed; the message names each one."""


class DbtBuild:
    """A dbt project that is ready to build.

    Construction imports dbt and reads the parsed manifest (a few seconds): do it on another
    thread while something else waits for the network.

    Args:
        prepared_target: The folder that `dbt_manifest.prepared_target` returned.
        project_dir: The dbt project's folder.
    """

    def __init__(self, prepared_target: Path, project_dir: Path = DBT_PROJECT_DIR) -> None:
        from dbt.contracts.graph.manifest import Manifest
        from dbt.parser.manifest import extended_mashumuro_decoder

        packed = (prepared_target / "partial_parse.msgpack").read_bytes()
        # dbt's own reading of this file parses everything anew when the warehouse's path
        # differs from the one at parse time; nothing in the project depends on that path.
        self._manifest: Manifest = Manifest.from_msgpack(packed, decoder=extended_mashumuro_decoder)
        self._project_dir = project_dir
        self._code_fingerprint = prepared_target.name

    def events(self, warehouse: Warehouse, work_dir: Path) -> Iterator[dict[str, Any]]:
        """Run `dbt build` and yield dbt's structured events while it runs.

        The caller may build. When the iterator ends, or is closed, dbt's
        connections to the warehouse are closed: DuckDB keeps the file locked otherwise.

        Args:
            warehouse: The DuckDB file or lake to build in.
            work_dir: Folder for compiled SQL and dbt's log; made if it is not there.

        Yields:
            Each event as a dictionary with `info` and `data`, as in dbt's JSON log.

        Raises:
            DbtBuildFailed: At least one node failed, or dbt could not start.
        """
        from dbt.cli.main import dbtRunner
        from dbt_common.events.base_types import EventMsg
        from google.protobuf.json_format import MessageToDict
        from google.protobuf.message import Message

        work_dir.mkdir(parents=True, exist_ok=True)
        lake = not isinstance(warehouse, Path)
        # Beside it are the exchange rates and what DuckDB spills.
        beside = Settings.from_environment().warehouse_path if lake else warehouse
        os.environ["DASHTRAY_WAREHOUSE_PATH"] = str(beside)
        # By it the models know that what they kept from the last build was made by this code.
        os.environ["DASHTRAY_CODE_FINGERPRINT"] = self._code_fingerprint
        events: queue.SimpleQueue[EventMsg | None] = queue.SimpleQueue()
        arguments = [
            "--quiet",
            "build",
            f"--project-dir={self._project_dir}",
            f"--profiles-dir={self._project_dir}",
            f"--target={'lake' if lake else 'warehouse'}",
            f"--target-path={work_dir}",
            f"--log-path={work_dir}",
            "--log-level-file=none",
            "--no-write-json",
            # They test the SQL on made-up rows, not the data: the suite runs them.
            "--exclude-resource-type=unit_test",
        ]
        outcome: list[Any] = []

        def build() -> None:
            try:
                runner = dbtRunner(manifest=self._manifest, callbacks=[events.put])
                with nullcontext() if isinstance(warehouse, Path) else warehouse.serving():
                    outcome.append(runner.invoke(arguments))
            finally:
                _close_connections()
                events.put(None)

        worker = threading.Thread(target=build, name="dbt-build")
        worker.start()
        try:
            while (event := events.get()) is not None:
                yield MessageToDict(cast(Message, event), preserving_proto_field_name=True)
        finally:
            worker.join()
        _raise_for(outcome[0] if outcome else None)


def build_models(settings: Settings, purpose: str) -> None:
    """Build all models outside of a run. The caller may build.

    Args:
        settings: The deployment's settings.
        purpose: Names the folder for what dbt writes meanwhile.

    Raises:
        DbtBuildFailed: A model or a test failed.
    """
    scratch = settings.home / "dbt" / "runs" / purpose
    try:
        for _ in DbtBuild(prepared_target(settings.home)).events(warehouse_of(settings), scratch):
            pass
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _close_connections() -> None:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    # A build that failed leaves cursors in reference cycles, and each keeps the file open.
    gc.collect()


def _raise_for(outcome: Any) -> None:
    if outcome is None:
        raise DbtBuildFailed("dbt stopped before it began; see the run's log.")
    if outcome.success:
        return
    if outcome.exception is not None:
        raise DbtBuildFailed(f"dbt could not build: {outcome.exception}")
    failed = [
        f"{node.node.name}: {' '.join((node.message or node.status).split())}"
        for node in outcome.result
        if node.status in {"error", "fail", "runtime error"}
    ]
    raise DbtBuildFailed(f"{len(failed)} dbt nodes failed. " + " | ".join(failed[:10]))
