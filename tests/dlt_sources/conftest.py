"""Fixtures of this package's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dlt_sources.rig import Rig, running_simulator


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A small frozen world, and an empty warehouse."""
    with running_simulator("--preset", "tiny", "--now", "2026-11-20T12:00:00Z") as simulator:
        yield Rig(simulator, tmp_path)
