"""Readers in other processes and other versions, while and after files are published."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.readers import Builds, reading


@pytest.mark.e2e
def test_readers_see_one_build_at_a_time(tmp_path: Path) -> None:
    """The short form of `python -m benchmarks.readers`."""
    builds = Builds(tmp_path, accounts=2, rows=300)
    builds.publish()

    kinds = ("duckdb", "duckdb", "account", "parquet")
    with reading(builds, kinds, {}, pause=0.02) as seen:
        for _ in range(8):
            builds.publish()

    assert [reader["errors"] for reader in seen] == [[], [], [], []]
    assert [reader["torn"] for reader in seen] == [0, 0, 0, 0]
    for reader in seen:
        assert len(reader["builds"]) >= 2


@pytest.mark.long
def test_every_version_of_duckdb_reads_them() -> None:
    """Installs them from the package index."""
    subprocess.run([sys.executable, "-m", "tests.orchestration.drivers"], check=True)
