"""The two partitionings: UTC days of payment history, and connected accounts.

A matrix of the two would pass Dagster's limit of partitions at about a thousand accounts,
so days are partitions and accounts are data (docs/decisions/0008).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dagster import DailyPartitionsDefinition, DynamicPartitionsDefinition, PartitionKeyRange

from connections.history import STRIPE_BEGAN
from connections.models import DEFAULT_HISTORY_DAYS

#: Stripe opened in 2011: no charge is older. The end offset adds today, which is not over.
HISTORY_DAYS = DailyPartitionsDefinition(start_date=STRIPE_BEGAN.isoformat(), end_offset=1)

#: Days of a first import that Dagster is told of. Each is an event of its own, and fifteen years
#: of them would take longer to write than the payments to read.
MOST_DAYS_SHOWN = 1100

#: One partition per connected account, of the asset `account_sync` only.
ACCOUNTS = DynamicPartitionsDefinition(name="accounts")


def today(now: datetime | None = None) -> PartitionKeyRange:
    """Return the range that holds only the running UTC day."""
    key = _key(now or datetime.now(UTC))
    return PartitionKeyRange(key, key)


def first_import_range(
    days: int | None = DEFAULT_HISTORY_DAYS, now: datetime | None = None
) -> PartitionKeyRange:
    """Return the last `days` complete UTC days, and today.

    More than `MOST_DAYS_SHOWN` are read all the same, and not shown as partitions.
    """
    moment = now or datetime.now(UTC)
    shown = min(days or MOST_DAYS_SHOWN, MOST_DAYS_SHOWN)
    return PartitionKeyRange(_key(moment - timedelta(days=shown)), _key(moment))


def _key(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d")
