"""Events are rendered in the API version of their time: the shapes of docs/stripe.md that moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt_project.building import dbt, rows
from tests.dbt_project.casting import streams
from tests.dbt_project.landing import Load, land, utc
from tests.dbt_project.objects import (
    NOW,
    account,
    ago,
    coupon,
    discount,
    event,
    price,
    subscription,
)

pytestmark = pytest.mark.e2e


def of_old(made: dict[str, Any], of: dict[str, Any]) -> dict[str, Any]:
    """Return a subscription as events showed it before 2025, with `of` as its coupon."""
    [shown] = made["discounts"]
    listed = made["items"]["data"]
    return {name: value for name, value in made.items() if name != "discounts"} | {
        "discount": {name: value for name, value in shown.items() if name != "source"}
        | {"coupon": of},
        "current_period_start": listed[0]["current_period_start"],
        "items": made["items"]
        | {
            "data": [
                {name: value for name, value in each.items() if name != "current_period_start"}
                for each in listed
            ]
        },
    }


@pytest.mark.parametrize("moment", ["after", "before"])
def test_an_event_of_an_old_shape_is_read_as_one_of_the_present(
    tmp_path: Path, moment: str
) -> None:
    tenth = coupon(10)
    made = subscription(
        (price("1000"), 2),
        id="sub_shaped",
        discounts=(discount(tenth, ago(50), "cus_a", end=ago(-40)),),
    )
    kind = "customer.subscription.updated"
    told = [
        event(kind, made, ago(9), {"status": "past_due"}),
        event(kind, of_old(made, tenth), ago(8), {"status": "past_due"}),
    ]
    path = tmp_path / "warehouse.duckdb"
    listed = streams(made, coupons=(tenth,), events=told)
    with duckdb.connect(str(path)) as connection:
        land(connection, Load("acct_a", NOW, {"accounts": [account("acct_a")], **listed}))
    dbt(path, "build", "--select", "+stg_stripe__subscription_events")

    new, old = rows(
        path,
        "select period_started_at, discounts, items, shows_one_discount"
        " from staging.stg_stripe__subscription_events where moment = ? order by occurred_at",
        [moment],
    )
    assert (new.pop("shows_one_discount"), old.pop("shows_one_discount")) == (False, True)
    assert old == new
    assert new["period_started_at"] == utc(ago(5))
    assert [each["coupon_id"] for each in new["discounts"]] == [tenth["id"]]
