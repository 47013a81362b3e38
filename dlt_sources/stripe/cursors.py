"""Where each account's last completed sync ended: read from the warehouse, beside the data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import duckdb

from dlt_sources.stripe.events import OVERLAP, needs_recovery
from dlt_sources.stripe.models import Cursor
from dlt_sources.stripe.streams import DATASET, STREAMS, SYNCS_TABLE, Kind
from dlt_sources.stripe.warehouse import Warehouse, reading

_LATEST = f"""
select account_id, events_cursor, started_at, history_start
from {DATASET}.{SYNCS_TABLE}
where _dlt_load_id in (select load_id from {DATASET}._dlt_loads where status = 0)
  and account_id in (select unnest(?))
qualify row_number() over (partition by account_id order by started_at desc, read_order desc) = 1
"""  # noqa: S608

_SEEN = f"""
select distinct account_id, id
from {DATASET}.events
where _dlt_load_id in (select load_id from {DATASET}._dlt_loads where status = 0)
  and account_id in (select unnest(?))
  and created >= ?
"""  # noqa: S608

_SIZES = f"""
select account_id, count(distinct id)
from {DATASET}.{{table}}
where account_id in (select unnest(?))
group by account_id
"""  # noqa: S608


_KNOWN = f"""
select account_id, id
from (
    select account_id, id, object, deleted
    from {DATASET}.{{table}}
    where account_id in (select unnest(?))
    qualify row_number() over (
        partition by account_id, id order by read_at desc, read_order desc
    ) = 1
)
where not deleted and ({{condition}})
"""  # noqa: S608


def read_cursors(
    warehouse: Warehouse, account_ids: Iterable[str], *, now: datetime | None = None
) -> dict[str, Cursor]:
    """Return the cursor of each account that has one.

    Only syncs whose load is complete (`_dlt_loads.status = 0`) count. Opens the warehouse read
    only and closes it again.

    Args:
        warehouse: The warehouse; if it or its tables are missing nobody has a cursor.
        account_ids: Accounts to look for.
        now: The time against which a cursor's age is judged; this machine's if not given. A
            cursor found old carries `known`, which costs a look at every object.

    Returns:
        Account id to cursor; accounts without a completed sync are absent.
    """
    wanted = sorted(set(account_ids))
    if not wanted or not warehouse.exists():
        return {}
    with reading(warehouse) as connection:
        # All of it of one moment, whoever loads meanwhile.
        connection.begin()
        try:
            latest = connection.execute(_LATEST, [wanted]).fetchall()
        except duckdb.CatalogException:
            return {}
        if not latest:
            return {}
        accounts = [row[0] for row in latest]
        seen = _seen_events(connection, accounts, min(row[1] for row in latest) - OVERLAP)
        sizes = _sizes(connection, accounts)
        today = int((now or datetime.now(UTC)).timestamp())
        known = _known(connection, [row[0] for row in latest if needs_recovery(row[1], today)])
    return {
        account: Cursor(
            account_id=account,
            events_cursor=events_cursor,
            started_at=started_at.replace(tzinfo=UTC),
            history_start=history_start.replace(tzinfo=UTC),
            seen_events=frozenset(seen.get(account, ())),
            sizes=sizes.get(account, {}),
            known=known.get(account, {}),
        )
        for account, events_cursor, started_at, history_start in latest
    }


def _seen_events(
    connection: duckdb.DuckDBPyConnection, accounts: Sequence[str], since: int
) -> dict[str, set[str]]:
    start = datetime.fromtimestamp(since, UTC).replace(tzinfo=None)
    seen: dict[str, set[str]] = {}
    for account, event_id in connection.execute(_SEEN, [accounts, start]).fetchall():
        seen.setdefault(account, set()).add(event_id)
    return seen


def _sizes(
    connection: duckdb.DuckDBPyConnection, accounts: Sequence[str]
) -> dict[str, dict[str, int]]:
    sizes: dict[str, dict[str, int]] = {}
    for stream in STREAMS:
        if stream.kind is Kind.STATE:
            query = _SIZES.format(table=stream.name)
            for account, count in connection.execute(query, [accounts]).fetchall():
                sizes.setdefault(account, {})[stream.name] = count
    return sizes


def _known(
    connection: duckdb.DuckDBPyConnection, accounts: Sequence[str]
) -> dict[str, dict[str, frozenset[str]]]:
    found: dict[str, dict[str, set[str]]] = {}
    for stream in STREAMS if accounts else ():
        condition = "true" if stream.kind is Kind.STATE else stream.unsettled
        if condition is None:
            continue
        query = _KNOWN.format(table=stream.name, condition=condition)
        for account, object_id in connection.execute(query, [list(accounts)]).fetchall():
            found.setdefault(account, {}).setdefault(stream.name, set()).add(object_id)
    return {
        account: {name: frozenset(ids) for name, ids in by_stream.items()}
        for account, by_stream in found.items()
    }
