"""A small published file, made without dbt: the contract's tables with rows that agree.

One account has everything, one has two currencies and five days, one has nothing but zeros, and
one belongs to somebody else. Sums of the facts equal the metrics, as they do in real marts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from tests.console.numbers.measured import measured, reported
from tests.console.numbers.world import NOW, TODAY, Row, World, at, stripe_link

__all__ = ["ACCOUNTS", "EMPTY", "FULL", "NOW", "OTHERS", "PARTIAL", "TODAY", "write_marts"]

CONTRACT = Path(__file__).parents[3] / "dbt_project" / "contracts" / "marts.json"

FULL, PARTIAL, EMPTY, OTHERS = "acct_full", "acct_partial", "acct_empty", "acct_others"
ACCOUNTS = (FULL, PARTIAL, EMPTY, OTHERS)
DAYS = 91
#: Only one account has several currencies; nobody knows the rates of its first day.
REPORTING, RATES = "usd", {"jpy": Decimal("0.0065"), "eur": Decimal("1.125")}
UNRATED = TODAY - timedelta(days=4)


def write_marts(path: Path, *, scale: Decimal = Decimal(1)) -> None:
    """Write the file anew and put it in place as a build does, by a rename.

    Args:
        path: The published file.
        scale: What amounts are multiplied by, so that one build can be told from another.
    """
    aside = path.with_name(".new")
    aside.unlink(missing_ok=True)
    tables: dict[str, list[Row]] = defaultdict(list)
    _account(tables, FULL, "Full & Sons", {"usd": scale}, DAYS, customers=40)
    _account(tables, PARTIAL, "Partial KK", {"jpy": scale * 100, "eur": scale}, 5, customers=8)
    _account(tables, EMPTY, None, {"gbp": scale}, 3, customers=0)
    _account(tables, OTHERS, "Others Ltd", {"usd": scale * 7}, 30, customers=12)
    contract: dict[str, dict[str, list[str]]] = json.loads(CONTRACT.read_text())
    with duckdb.connect(str(aside)) as connection:
        for table, columns in contract.items():
            kinds = ", ".join(f'"{name}" {kind[0]}' for name, kind in columns.items())
            connection.execute(f'create table "{table}" ({kinds})')
            used = {name for row in tables[table] for name in row}
            assert used <= columns.keys(), (table, used - columns.keys())
            if used:
                # Row by row an insert takes seconds.
                values = {name: [row.get(name) for row in tables[table]] for name in used}
                connection.register("rows", pa.table(values))
                connection.execute(f'insert into "{table}" by name from rows')
    aside.replace(path)


def _account(
    tables: dict[str, list[Row]],
    account: str,
    name: str | None,
    currencies: dict[str, Decimal],
    days: int,
    *,
    customers: int,
) -> None:
    first = TODAY - timedelta(days=days - 1)
    default = next(iter(currencies))
    tables["dim_accounts"].append(
        {
            "account_id": account,
            "name": name,
            "country": "US",
            "default_currency": default,
            "reporting_time_zone": "UTC",
            "now_at": NOW.replace(tzinfo=None),
            "today": TODAY,
            "first_day": first,
            "history_started_at": at(first),
            "first_synced_at": NOW.replace(tzinfo=None),
            "watched_from": at(TODAY - timedelta(days=30)),
        }
    )
    people = [
        {
            "account_id": account,
            "customer_id": f"cus_{account[5:]}{number}",
            # One chooses a name that a spreadsheet would run.
            "name": None if number % 5 == 4 else ("=1+1" if number == 3 else f"Customer {number}"),
            "country": "DE",
            "created_at": at(first + timedelta(days=number * 2 % days)),
            "is_deleted": False,
            "stripe_url": stripe_link(account, f"customers/cus_{number}"),
        }
        for number in range(customers)
    ]
    tables["dim_customers"] += people
    metrics: list[Row] = []
    for currency, unit in currencies.items():
        world = World(account, currency, unit, first, [p["customer_id"] for p in people])
        for table, rows in world.tables().items():
            tables[table] += rows
        measures = measured(world, [person["created_at"].date() for person in people])
        tables["metrics_daily"] += measures
        metrics += measures
    if currencies.keys() == RATES.keys():
        tables["metrics_daily_reporting"] += reported(metrics, REPORTING, RATES, UNRATED)
