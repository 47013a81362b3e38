"""What every warehouse has that can be published: the accounts' clocks and their syncs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

#: Stripe's clock at hour 0; ours is half a minute behind the start of each sync.
_START = "timestamp '2026-03-01 00:00:00'"


def set_clock(warehouse: Path, hours: Mapping[str, int]) -> None:
    """Let each account have been synced last at its hour; others are unknown."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute("create schema if not exists raw_stripe")
        connection.execute(
            "create or replace table marts.dim_accounts as"
            f" select account_id, {_START} + interval 1 hour * hour as now_at"
            " from (select unnest($ids)::varchar as account_id, unnest($hours) as hour)",
            {"ids": list(hours), "hours": list(hours.values())},
        )
        connection.execute(
            "create or replace table raw_stripe.syncs as select account_id,"
            " epoch_ns(now_at + interval 30 second) as read_order from marts.dim_accounts"
        )
