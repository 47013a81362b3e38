"""Counting recent payments in the published marts: Stripe's read allocation follows them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import duckdb

#: Payments count from when they succeeded, the days from each account's own newest day.
_QUERY = """
select
    accounts.account_id,
    count(payments.payment_id)
from dim_accounts as accounts
left join fct_payments as payments
    on
        accounts.account_id = payments.account_id
        and payments.outcome = 'succeeded'
        and payments.day > accounts.today - 30
where accounts.account_id in (select unnest(?))
group by accounts.account_id
"""


def recent_transactions(published: Path, account_ids: Collection[str]) -> dict[str, int]:
    """Return the successful payments of the last 30 days, by account id.

    Args:
        published: The folder of published marts.
        account_ids: Whose; accounts without numbers are absent from the answer.
    """
    with duckdb.connect(str(published / "marts.duckdb"), read_only=True) as connection:
        rows = connection.execute(_QUERY, [list(account_ids)]).fetchall()
    return {account_id: int(count) for account_id, count in rows}
