"""A hole in the event feed, two syncs sixty days apart: `docs/metrics.md` §11."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.building import dbt, rows
from tests.dbt_project.casting import streams
from tests.dbt_project.landing import Load, land, utc
from tests.dbt_project.objects import DAY, NOW, account, ago, event, price, subscription

pytestmark = pytest.mark.e2e


def test_what_the_next_event_says_was_before_holds_from_the_end_of_the_hole(
    tmp_path: Path,
) -> None:
    """Two upgrades were missed; one subscription moved again later, the other one did not."""
    small, middle, large = price("1000"), price("2000"), price("3000")
    moved = subscription((small,), id="sub_moved", start=ago(200))
    still = subscription((small,), id="sub_still", start=ago(200))

    def with_price(made: dict[str, object], of: dict[str, object]) -> dict[str, object]:
        listed = made["items"]
        assert isinstance(listed, dict)
        return made | {"items": listed | {"data": [listed["data"][0] | {"price": of}]}}

    before, now = with_price(moved, middle), with_price(moved, large)
    changed = event("customer.subscription.updated", now, ago(10), {"items": before["items"]})
    path = tmp_path / "warehouse.duckdb"
    first = {"accounts": [account("acct_a")], **streams(moved, still, prices=(middle, large))}
    later = streams(now, with_price(still, large), events=[changed])
    with duckdb.connect(str(path)) as connection:
        land(connection, Load("acct_a", NOW - 60 * DAY, first))
        land(connection, Load("acct_a", NOW, later, mode="incremental"))
    dbt(path, "build")

    told = rows(
        path,
        "select subscription_id, valid_from, mrr, mrr_source, is_estimated"
        " from marts.fct_subscription_item_spans where valid_from >= ?"
        " order by subscription_id, valid_from",
        [utc(NOW - 60 * DAY)],
    )
    hole, end = utc(NOW - 60 * DAY), utc(NOW - 30 * DAY)
    assert [tuple(row.values()) for row in told] == [
        ("sub_moved", hole, 10, "observed", True),
        ("sub_moved", end, 20, "event", False),
        ("sub_moved", utc(ago(10)), 30, "event", False),
        ("sub_still", hole, 10, "observed", True),
        ("sub_still", end, 30, "observed", False),
    ]
