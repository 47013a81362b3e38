"""Published marts with a few made-up rows for given accounts, in every mart that there is.

The tables and their columns are those of the contract, so that a new mart is there by itself. The
numbers mean nothing; the texts carry the account's name, so that whoever shows them is found out.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from orchestration.dbt_manifest import DBT_PROJECT_DIR

DAYS = 40


def plant(path: Path, names: Mapping[str, str]) -> None:
    """Write the file.

    Args:
        path: Of the published marts.
        names: By account id, what its texts say.
    """
    contract: dict[str, dict[str, list[str]]] = json.loads(
        (DBT_PROJECT_DIR / "contracts" / "marts.json").read_text()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    today = datetime.now(UTC).date()
    with duckdb.connect(str(path)) as connection:
        for table, columns in contract.items():
            types = {name: kinds[-1] for name, kinds in columns.items()}
            declared = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
            connection.execute(f"create table {table} ({declared})")
            per_day = "day" in types
            rows = [
                [_value(name, kind, account_id, words, day) for name, kind in types.items()]
                for account_id, words in names.items()
                for day in (today - timedelta(days=ago) for ago in range(DAYS if per_day else 1))
            ]
            places = ", ".join("?" * len(types))
            connection.executemany(f"insert into {table} values ({places})", rows)


def _value(name: str, kind: str, account_id: str, words: str, day: date) -> Any:
    if name == "account_id":
        return account_id
    if name == "first_day":
        return day - timedelta(days=DAYS)
    if "currency" in name:
        return "usd"
    if "time_zone" in name:
        return "UTC"
    if kind == "varchar":
        return f"{words} {name}"
    if kind == "date":
        return day
    if kind.startswith("timestamp"):
        return datetime(day.year, day.month, day.day)
    if kind == "boolean":
        return True
    if kind.startswith("decimal"):
        return Decimal(1)
    return 1 if kind in {"bigint", "integer", "double", "hugeint"} else None
