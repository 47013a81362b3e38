"""Fixtures of this package's tests."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import LAKE_EVERYWHERE, new_lake
from tests.dlt_sources.rig import Rig, running_simulator


@pytest.fixture
def rig(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A small frozen world, and an empty warehouse."""
    with (
        running_simulator("--preset", "tiny", "--now", "2026-11-20T12:00:00Z") as simulator,
        ExitStack() as stack,
    ):
        lake = None
        if LAKE_EVERYWHERE:
            server = request.getfixturevalue("postgres_url")
            lake = stack.enter_context(new_lake(server, tmp_path / "lake"))
        yield Rig(simulator, tmp_path, lake=lake)


@pytest.fixture
def lake_rig(tmp_path: Path, postgres_url: str) -> Iterator[Rig]:
    """A small frozen world, and an empty lake."""
    with (
        running_simulator("--preset", "tiny", "--now", "2026-11-20T12:00:00Z") as simulator,
        new_lake(postgres_url, tmp_path / "lake") as lake,
    ):
        yield Rig(simulator, tmp_path, lake=lake)
