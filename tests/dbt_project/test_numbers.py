"""The marts equal the ledger and the oracle, for every day, currency and metric."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dbt_project.proving import prove

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("seed", [1, 2])
def test_every_day_after_an_import_and_later_syncs(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first import and three incremental builds after it."""
    for name, outcome in prove(tmp_path, "tiny", seed):
        with capsys.disabled():
            print(f"\n{name}: {outcome}", end="")
        assert outcome.compared > 3_000
        assert not outcome.differences, "\n".join(outcome.differences[:40])
