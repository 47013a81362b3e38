"""The marts equal the ledger and the oracle, for every day, currency and metric."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dbt_project.proving import Tally, prove, prove_drawn
from tests.dbt_project.worlds_drawn import drawn, of_preset

pytestmark = pytest.mark.e2e
WORLDS = 200


def test_every_day_after_an_import_and_later_syncs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first import and three incremental builds after it, of two tiny and six random worlds."""
    tally = Tally()
    worlds = [of_preset("tiny", 1), of_preset("tiny", 2), *(drawn(n) for n in range(1, 7))]
    for name, outcome in prove(tmp_path, worlds):
        tally.add(name, outcome)
    with capsys.disabled():
        print(f"\n{len(worlds)} worlds: {tally}")
    assert tally.compared["oracle"] > 100_000 < tally.compared["ledger"]
    assert not tally.differing, "\n".join(tally.differences[:40])


@pytest.mark.long
def test_random_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    """Each metric, currency and day of many random worlds, after each of four syncs."""
    tally = prove_drawn(range(1, WORLDS + 1))
    with capsys.disabled():
        print(f"\n{WORLDS} random worlds: {tally}")
    assert tally.compared["oracle"] > 1_000_000
    assert not tally.differing, "\n".join(tally.differences[:40])
