"""The marts equal the simulator's ledger, for every day, currency and metric."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest

from stripe_simulator.ledger import default_history_start, truth
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import build_world
from tests.dbt_project.building import dbt, rows
from tests.dbt_project.comparing import compare
from tests.dbt_project.landing import land
from tests.dbt_project.worlds import DAY, Reader

pytestmark = pytest.mark.e2e

NOW = int(dt.datetime(2026, 3, 20, 15, 30, tzinfo=dt.UTC).timestamp())
START = (NOW - 400 * DAY) // DAY * DAY


def local_day(at: int) -> dt.date:
    """Return the UTC day of a Unix time."""
    return dt.datetime.fromtimestamp(at, tz=dt.UTC).date()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_days_equal_the_ledger_after_a_first_import_and_later_syncs(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A first import, then syncs a day, a week and 40 days later, all without full refresh."""
    warehouse = tmp_path / "warehouse.duckdb"
    store = ObjectStore()
    world = build_world("tiny", seed, START, NOW, store)
    account = world.accounts[0].id
    history_start = default_history_start(NOW)
    reader = Reader(world, store, account, history_start)
    first_day = local_day(history_start)
    for days in (0, 1, 7, 20):
        if days:
            world.advance(world.now + days * DAY + 5_000)
        with duckdb.connect(str(warehouse)) as connection:
            land(connection, reader.load())
        dbt(warehouse, "build")
        expected = truth(
            world,
            account,
            first_day,
            local_day(world.now),
            history_start=history_start,
            first_sync=NOW,
        )
        built = rows(
            warehouse, "select * from marts.metrics_daily where account_id = ?", [account]
        )
        outcome = compare(built, expected, first_day)
        with capsys.disabled():
            print(f"\ntiny, seed {seed}, {local_day(world.now)}: {outcome}")
        assert outcome.compared > 3_000
        assert not outcome.differences, "\n".join(outcome.differences[:40])
