"""The marts equal the ledger and the oracle, for every day, currency and metric."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dbt_project.building import rows
from tests.dbt_project.comparing import KEYS
from tests.dbt_project.proving import Tally, prove, prove_drawn
from tests.dbt_project.worlds_drawn import drawn, of_preset

pytestmark = pytest.mark.e2e
WORLDS = 200
# What an item of a movement says of its source is what the span in force at the close says, or the
# one that ended.
SOURCES = """
with judged as (
    select
        items.is_estimated,
        (items.mrr_source, items.is_estimated) is distinct from case
            when later.account_id is not null then (later.mrr_source, later.is_estimated)
            else (earlier.mrr_source, earlier.is_estimated)
        end as is_wrong
    from marts.fct_mrr_movement_items as items
    left join marts.fct_subscription_item_spans as later
        on items.account_id = later.account_id and items.item_id = later.item_id
        and later.first_day <= items.day
        and coalesce(later.day_after_last, 'infinity') > items.day
    left join marts.fct_subscription_item_spans as earlier
        on items.account_id = earlier.account_id and items.item_id = earlier.item_id
        and earlier.first_day <= items.day - 1
        and coalesce(earlier.day_after_last, 'infinity') > items.day - 1
)
select
    count(*) as items,
    count(*) filter (where is_estimated) as estimated,
    count(*) filter (where is_wrong) as wrong
from judged
"""


def test_every_day_after_an_import_and_later_syncs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first import and three incremental builds after it, of two tiny and eight random worlds.

    In worlds 92 and 133 discounts that are gone stood before and after others that began with them.
    """
    tally = Tally()
    worlds = [of_preset("tiny", 1), of_preset("tiny", 2), *map(drawn, (*range(1, 7), 92, 133))]
    for name, outcome in prove(tmp_path, worlds):
        tally.add(name, outcome)
    with capsys.disabled():
        print(f"\n{len(worlds)} worlds: {tally}")
    assert tally.compared["oracle"] > 100_000 < tally.compared["ledger"]
    assert tally.marts.keys() == {"metrics_daily", *KEYS}
    assert not tally.differing, "\n".join(tally.differences[:40])
    [sources] = rows(tmp_path / "warehouse.duckdb", SOURCES)
    assert sources["items"] > 100
    assert sources["estimated"] > 0
    assert sources["wrong"] == 0


@pytest.mark.long
def test_random_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    """Each metric, currency and day of many random worlds, after each of four syncs."""
    tally = prove_drawn(range(1, WORLDS + 1))
    with capsys.disabled():
        print(f"\n{WORLDS} random worlds: {tally}")
    assert tally.compared["oracle"] > 1_000_000
    assert not tally.differing, "\n".join(tally.differences[:40])
