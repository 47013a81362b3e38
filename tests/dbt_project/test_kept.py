"""What is kept of the facts is what building everything gives, whatever happened in between."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.dbt_project.building import dbt
from tests.dbt_project.changing import Changes
from tests.dbt_project.test_touched import differences

pytestmark = pytest.mark.e2e


def walk(folder: Path, seed: int, builds: int, changes: int, *, each: bool) -> list[str]:
    """Let things happen between builds; compare at the end, or after each build.

    Returns:
        What happened.
    """
    kept = folder / "kept" / "warehouse.duckdb"
    kept.parent.mkdir(parents=True)
    world = Changes(kept, seed)
    dbt(kept, "run")
    for number in range(builds):
        before = len(world.happened)
        for _ in range(changes):
            world.happen()
        dbt(kept, "build" if number == builds - 1 else "run")
        if each or number == builds - 1:
            whole = folder / "whole" / "warehouse.duckdb"
            whole.parent.mkdir(exist_ok=True)
            shutil.copy(kept, whole)
            dbt(whole, "run", "--full-refresh")
            assert differences(kept, whole) == {}, world.happened[before:]
    return world.happened


def test_kept_facts_are_what_a_whole_build_gives(tmp_path: Path) -> None:
    """Many things between few builds."""
    happened = walk(tmp_path, seed=1, builds=2, changes=11, each=False)
    assert len(set(happened)) == 21


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 8))
def test_kept_facts_after_each_change(seed: int, tmp_path: Path) -> None:
    """One thing or a few at a time, so that none hides another."""
    walk(tmp_path, seed, builds=12, changes=1 + seed % 3, each=True)
