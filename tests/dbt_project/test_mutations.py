"""Each known wrong answer, brought back into the models, changes the numbers of its case."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.dbt_project.building import PROJECT
from tests.dbt_project.mutating import Laboratory, Outdated, applied, judged
from tests.dbt_project.mutations import MUTATIONS, Mutation

# One of prices, one of discounts, one of payments: those near the end of the build are the
# cheapest.
SAMPLE = (
    "reactivation is expansion",
    "of two percentages the greatest",
    "an authorisation that was not captured failed",
)


def test_every_mutation_fits_its_model() -> None:
    """Its text is there once; and the names are told apart."""
    for mutation in MUTATIONS:
        true = (PROJECT / mutation.file).read_text()
        assert applied(mutation, true) != true, mutation.name
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


def test_a_mutation_that_no_longer_fits_is_named() -> None:
    """A text that is gone is an error, not a mutation that nobody caught."""
    gone = Mutation("gone", "macros/money.sql", (("then 999", "then 1"),), "yen_and_dinars")
    with pytest.raises(Outdated, match=r"'gone' changes a text that occurs 0 times"):
        applied(gone, "then 1000")


def _catch(folder: Path, mutations: Iterable[Mutation]) -> str:
    mutations = list(mutations)
    missed = [m.name for m, outcome in judged(folder, mutations) if not outcome.differences]
    assert not missed, f"not caught: {missed}"
    return f"{len(mutations)} of {len(mutations)} mutations caught"


@pytest.mark.e2e
def test_a_sample_is_caught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three of them, and nothing differs without them."""
    sample = [mutation for mutation in MUTATIONS if mutation.name in SAMPLE]
    assert len(sample) == len(SAMPLE)
    caught = _catch(tmp_path / "sample", sample)
    with capsys.disabled():
        print(f"\n{caught}; all in the long suite", end="")


@pytest.mark.e2e
@pytest.mark.long
def test_all_are_caught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each one; and without them no case differs, so that the differences are theirs."""
    assert not Laboratory(tmp_path / "true").unspoilt()
    caught = _catch(tmp_path / "all", MUTATIONS)
    with capsys.disabled():
        print(f"\n{caught}", end="")
