"""Presets and vars change the rules that they name, and an unknown preset is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.building import BuildFailed, dbt, rows
from tests.dbt_project.cases import CASES
from tests.dbt_project.landing import Load, land
from tests.dbt_project.objects import NOW, account

pytestmark = pytest.mark.e2e

USED = ("only_forever_is_subtracted", "a_year_that_will_end_still_counts", "paused_collection")


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """The raw objects of the cases that the choices are about."""
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        for name in USED:
            streams, _ = CASES[name]()
            account_id = f"acct_{name}"
            land(connection, Load(account_id, NOW, {"accounts": [account(account_id)], **streams}))
    return path


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"preset": "profitwell"}, ("265", "100", "10")),
        ({"preset": "stripe_dashboard", "count_keep_as_draft": False}, ("300", "0", "0")),
    ],
)
def test_choices(variables: dict[str, object], expected: tuple[str, ...], warehouse: Path) -> None:
    """MRR today of the three cases under a preset, and under one with a var beside it."""
    dbt(warehouse, "build", variables=variables)
    found = {
        row["account_id"]: row["mrr"]
        for row in rows(
            warehouse,
            "select account_id, arg_max(mrr, day) as mrr from marts.metrics_daily group by all",
        )
    }
    assert tuple(found[f"acct_{name}"] for name in USED) == tuple(map(Decimal, expected))


def test_an_unknown_preset_is_named(warehouse: Path) -> None:
    """The message says which presets there are."""
    with pytest.raises(BuildFailed, match=r"'stripes' is unknown.*stripe_dashboard"):
        dbt(warehouse, "build", variables={"preset": "stripes"})
