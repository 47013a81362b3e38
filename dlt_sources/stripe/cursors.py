"""Where each account's last completed sync ended: read from the warehouse, beside the data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dlt_sources.stripe.models import Cursor


def read_cursors(warehouse: Path, account_ids: Iterable[str]) -> dict[str, Cursor]:
    """Return the cursor of each account that has one.

    Only syncs whose load is complete (`_dlt_loads.status = 0`) count. Opens the warehouse read
    only and closes it again.

    Args:
        warehouse: The DuckDB file; if it or its tables are missing nobody has a cursor.
        account_ids: Accounts to look for.

    Returns:
        Account id to cursor; accounts without a completed sync are absent.
    """
    raise NotImplementedError
