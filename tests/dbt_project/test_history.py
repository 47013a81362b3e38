"""With all four sources of history MRR is right wherever an event or a sync could tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dbt_project.building import BuildFailed, dbt
from tests.dbt_project.history import SOURCES, both_kinds, report

pytestmark = pytest.mark.e2e
EXACT = ("last 30 days before", "since the first sync")


def test_all_four_beside_the_present_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All four: nothing wrong for 30 days before the first sync and ever since."""
    found = {}
    for source, period, error in report(tmp_path, both_kinds([1]), ("all four", "current")):
        with capsys.disabled():
            print(f"\n{source:13} {period:21} {error}", end="")
        found[source, period] = error
    for period in EXACT:
        assert found["all four", period].days > 30
        assert found["all four", period].wrong == 0
        assert found["current", period].wrong > 0, "the choice of sources changes nothing"


@pytest.mark.long
def test_each_source_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole table, of more worlds."""
    found = {}
    for source, period, error in report(tmp_path, both_kinds(range(1, 7))):
        with capsys.disabled():
            print(f"\n{source:13} {period:21} {error}", end="")
        found[source, period] = error
    assert all(found["all four", period].wrong == 0 for period in EXACT)
    for source in SOURCES.keys() - {"all four"}:
        assert sum(found[source, period].wrong for period in EXACT) > 0, source


def test_an_unknown_source_is_named(tmp_path: Path) -> None:
    """The message says which there are."""
    with pytest.raises(BuildFailed, match=r"'invoices', which is unknown.*invoice_line"):
        dbt(tmp_path / "w.duckdb", "parse", variables={"history_sources": ["invoices"]})
