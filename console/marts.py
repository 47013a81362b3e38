"""Reading the published marts: the only place where the console opens DuckDB."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import duckdb

from connections.errors import DashtrayError


class Grain(StrEnum):
    """What `--grain` accepts."""

    day = "day"
    month = "month"


_TABLES = {Grain.day: "metrics_daily", Grain.month: "metrics_monthly"}


class NothingPublished(DashtrayError):
    """There is no published file yet."""


def read_metrics(
    marts: Path,
    grain: Grain = Grain.day,
    account_id: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> tuple[list[str], list[dict[str, Any]]]:
    """Read `metrics_daily` or `metrics_monthly` from the published file.

    Args:
        marts: `published/marts.duckdb`.
        grain: Which of the two.
        account_id: Only this account; None means all.
        first: First day or month to return, None means from the beginning.
        last: Last one to return, None means to the end.

    Returns:
        The column names in the mart's order, and one mapping per row, ordered by account,
        currency and period. Money and rates are Decimal.

    Raises:
        NothingPublished: No sync has finished yet.
    """
    _require(marts)
    where = ["true"]
    values: list[object] = []
    for condition, value in (
        ("account_id = ?", account_id),
        (f"{grain} >= ?", first),
        (f"{grain} <= ?", last),
    ):
        if value is not None:
            where.append(condition)
            values.append(value)
    query = (
        f"select * from {_TABLES[grain]} where {' and '.join(where)}"  # noqa: S608 - only names from this module
        f" order by account_id, currency, {grain}"
    )
    with duckdb.connect(str(marts), read_only=True) as connection:
        result = connection.execute(query, values)
        columns = [column[0] for column in result.description]
        return columns, [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def read_reach(marts: Path, account_id: str) -> tuple[datetime, datetime]:
    """Return when an account was first read, and where its payment history begins.

    Both by Stripe's clock, UTC.

    Raises:
        NothingPublished: The published file does not know the account.
    """
    _require(marts)
    with duckdb.connect(str(marts), read_only=True) as connection:
        row = connection.execute(
            "select first_synced_at, history_started_at from dim_accounts where account_id = ?",
            [account_id],
        ).fetchone()
    if row is None:
        raise NothingPublished(f"{marts} has nothing of {account_id} yet. Sync it first.")
    return row[0].replace(tzinfo=UTC), row[1].replace(tzinfo=UTC)


def _require(marts: Path) -> None:
    if not marts.exists():
        raise NothingPublished(
            f"There are no published marts at {marts} yet. Run a sync first: "
            "dashtray sync --all --here"
        )
