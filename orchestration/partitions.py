"""The two partitionings: UTC days of payment history, and connected accounts.

A matrix of the two would pass Dagster's limit of partitions at about a thousand accounts,
so days are partitions and accounts are data (docs/decisions/0008).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dagster import DailyPartitionsDefinition, DynamicPartitionsDefinition, PartitionKeyRange

#: Complete days of payment history that a first import brings, before today's.
FIRST_IMPORT_DAYS = 90

#: Stripe opened in 2011: no charge is older. The end offset adds today, which is not over.
HISTORY_DAYS = DailyPartitionsDefinition(start_date="2011-01-01", end_offset=1)

#: One partition per connected account, of the asset `account_sync` only.
ACCOUNTS = DynamicPartitionsDefinition(name="accounts")


def today(now: datetime | None = None) -> PartitionKeyRange:
    """Return the range that holds only the running UTC day."""
    key = _key(now or datetime.now(UTC))
    return PartitionKeyRange(key, key)


def first_import_range(
    days: int = FIRST_IMPORT_DAYS, now: datetime | None = None
) -> PartitionKeyRange:
    """Return the last `days` complete UTC days, and today."""
    moment = now or datetime.now(UTC)
    return PartitionKeyRange(_key(moment - timedelta(days=days)), _key(moment))


def _key(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d")
