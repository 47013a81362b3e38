"""Fixtures of this package's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dlt_sources.stripe.lake import Lake
from tests.conftest import LAKE_EVERYWHERE
from tests.dlt_sources.rig import Rig, running_simulator


@pytest.fixture
def rig(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A small frozen world, and an empty warehouse."""
    lake = request.getfixturevalue("lake") if LAKE_EVERYWHERE else None
    with running_simulator("--preset", "tiny", "--now", "2026-11-20T12:00:00Z") as simulator:
        yield Rig(simulator, tmp_path, lake=lake)


@pytest.fixture
def lake_rig(rig: Rig, lake: Lake) -> Rig:
    """A small frozen world, and an empty lake."""
    rig.lake = lake
    return rig
