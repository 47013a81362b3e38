"""Which landed rows count: complete loads only, each once, and never an older reading over a newer.

All states of one warehouse after another, since each needs a build.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.building import dbt, rows
from tests.dbt_project.landing import Load, complete, create_raw_schema, land
from tests.dbt_project.objects import NOW, Object, account, ago, customer, price, subscription

pytestmark = pytest.mark.e2e


def mrr(warehouse: Path) -> str:
    """Return the MRR of the last day."""
    found = rows(warehouse, "select mrr from marts.metrics_daily order by day desc limit 1")
    return str(found[0]["mrr"].normalize()) if found else "none"


def test_loads_that_are_late_partial_old_or_repeated(tmp_path: Path) -> None:
    """An empty schema, then loads in every order that a crash or a slow import can make."""
    warehouse = tmp_path / "warehouse.duckdb"
    of = price("1000")
    made = subscription((of,), start=ago(40))
    doubled = made | {
        "items": made["items"] | {"data": [made["items"]["data"][0] | {"quantity": 2}]}
    }
    base = {"accounts": [account("acct_1")], "prices": [of], "customers": [customer("cus_a")]}

    def sync(
        load_id: str, at: int, subscription_read: Object, *, whole: bool = True, **others: Object
    ) -> None:
        with duckdb.connect(str(warehouse)) as connection:
            read = {name: [each] for name, each in others.items()}
            streams = {**base, "subscriptions": [subscription_read], **read}
            land(connection, Load("acct_1", at, streams, load_id=load_id, complete=whole))

    with duckdb.connect(str(warehouse)) as connection:
        create_raw_schema(connection)
    dbt(warehouse, "build")
    assert mrr(warehouse) == "none"

    sync("3", NOW, doubled, whole=False)
    dbt(warehouse, "build")
    assert mrr(warehouse) == "none", "a load that is not complete counts nothing"

    with duckdb.connect(str(warehouse)) as connection:
        complete(connection, "3")
    dbt(warehouse, "build")
    assert mrr(warehouse) == "2E+1"

    # Begun earlier, read earlier, completed later: taken, but it overwrites nothing newer.
    sync("1", ago(1), made, customers=customer("cus_a") | {"delinquent": True})
    dbt(warehouse, "build")
    assert mrr(warehouse) == "2E+1"
    merged = rows(warehouse, "select is_delinquent from staging.stg_stripe__customers")
    assert merged == [{"is_delinquent": False}]
    known = rows(warehouse, "select count(*) as n from staging.stg_stripe__subscription_versions")
    assert known == [{"n": 2}], "the older reading is history"

    # The same package landed twice.
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "insert into raw_stripe.prices select * from raw_stripe.prices where _dlt_load_id = '3'"
        )
    sync("4", NOW + 60, made)
    dbt(warehouse, "build")
    assert mrr(warehouse) == "1E+1"
    dbt(warehouse, "build")
    assert mrr(warehouse) == "1E+1", "a build without new loads changes nothing"
