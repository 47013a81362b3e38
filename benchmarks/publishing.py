"""What publishing costs, by the number of accounts that a tick changed.

    python -m benchmarks.publishing [--warehouse FILE] [--accounts 1000] [--share 20]

Takes the marts of one built account (those of `make demo`, unless --warehouse names another file),
and copies them for --accounts accounts that each have one --share-th of its customers. Publishes
everything once, then after changes in 1, 10, 100 … accounts, in the marts that a payment changes;
then after a sync of all that found nothing. `marts` is the part that holds the warehouse, `copies`
comes after it. Prints seconds of both, and of the copies the seconds of the processors (which say
more where others use them too) and milliseconds per account of each.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from connections.disk import size_of
from connections.publishing import Publish
from connections.settings import Settings
from orchestration.copies import Copied, publish_copies
from orchestration.publish import MARTS_SCHEMA, publish_marts

#: What changes when a customer pays, with a number in each.
PAYMENT_CHANGES = {
    "fct_payments": "amount",
    "fct_payment_attempts": "amount",
    "fct_invoices": "amount_paid",
    "fct_revenue_lines": "amount",
    "fct_subscriptions": "mrr",
    "metrics_daily": "gross_revenue",
    "metrics_monthly": "gross_revenue",
    "rpt_plan_mix": "mrr",
    "rpt_revenue_by_country": "net_revenue",
    "rpt_revenue_by_product": "net_revenue",
    "rpt_top_customers": "net_revenue",
}
#: Marts of fewer rows are copied whole.
_WHOLE_BELOW = 200


def copy_marts(source: Path, target: Path, accounts: int, share: int) -> int:
    """Make a warehouse of many accounts out of one; returns the rows of its marts."""
    total = 0
    with duckdb.connect(str(target)) as connection:
        connection.execute(f"attach '{source}' as source (read_only)")
        connection.execute("create schema marts; create schema raw_stripe")
        tables = connection.execute(
            "select schema_name, table_name, estimated_size, bool_or(column_name = 'account_id')"
            " from duckdb_tables() join duckdb_columns() using (database_name, schema_name,"
            " table_name) where database_name = 'source' and (schema_name = ? or (schema_name ="
            " 'raw_stripe' and table_name = 'syncs')) group by all order by all",
            [MARTS_SCHEMA],
        ).fetchall()
        for schema, table, rows, of_accounts in tables:
            name = f'{schema}."{table}"'
            if not of_accounts:
                connection.execute(f"create table {name} as from source.{name}")
                continue
            some = f"where hash(mart) % {share} = 0" if rows > _WHOLE_BELOW else ""
            connection.execute(
                f"create table {name} as select mart.* replace ('acct_' || n as account_id)"
                f" from range({accounts}) as copies(n), source.{name} as mart {some}"
            )
            found = connection.execute(f"select count(*) from {name}").fetchone()
            total += found[0] if found else 0
    return total


def change(warehouse: Path, accounts: int, marts: dict[str, str]) -> None:
    """Let the accounts have been synced an hour later, with other numbers in these marts."""
    whose = f"where account_id in (select 'acct_' || n from range({accounts}) t(n))"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            f"update marts.dim_accounts set now_at = now_at + interval 1 hour {whose}"
        )
        for mart, column in marts.items():
            connection.execute(f'update marts.{mart} set "{column}" = "{column}" + 1 {whose}')


def publish(warehouse: Path, published: Path) -> tuple[float, float, float, Copied]:
    """Publish; returns the seconds of both parts, of the processors, and what was written."""
    began = time.perf_counter()
    publish_marts(warehouse, published, "benchmark")
    placed, processors = time.perf_counter(), time.process_time()
    copied = publish_copies(published, frozenset(Publish))
    return (
        placed - began,
        time.perf_counter() - placed,
        time.process_time() - processors,
        copied,
    )


def main() -> None:
    """Measure and print a row per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warehouse", type=Path, default=None)
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--share", type=int, default=20)
    options = parser.parse_args()
    source = options.warehouse or Settings.from_environment().warehouse_path
    if not source.exists():
        sys.exit(f"There is no warehouse at {source}. Run `make demo`, or name one by --warehouse.")
    with tempfile.TemporaryDirectory(prefix="dashtray-publishing-") as scratch:
        warehouse, published = Path(scratch) / "warehouse.duckdb", Path(scratch) / "published"
        rows = copy_marts(source, warehouse, options.accounts, options.share)
        each_has = rows / options.accounts
        print(f"{options.accounts:,} accounts, {rows:,} rows, {each_has:,.0f} each", flush=True)
        print(
            f"{'case':<26}{'written':>9}{'marts s':>9}{'copies s':>10}{'cpu s':>8}"
            f"{'ms each':>9}{'cpu':>6}"
        )
        counts = [n for n in (1, 10, 100, 1000, 10_000) if n <= options.accounts]
        cases: list[tuple[str, int, dict[str, str] | None]] = [
            ("first publication", 0, None),
            ("nothing changed", 0, None),
            *[(f"{n:,} changed", n, PAYMENT_CHANGES) for n in counts],
            ("all synced, no change", options.accounts, {}),
        ]
        for name, accounts, marts in cases:
            if marts is not None:
                change(warehouse, accounts, marts)
            in_lock, after, processors, copied = publish(warehouse, published)
            each = [
                f"{seconds / copied.accounts * 1000:.0f}" if copied.accounts else "–"
                for seconds in (after, processors)
            ]
            print(
                f"{name:<26}{copied.accounts:>9,}{in_lock:>9.2f}{after:>10.2f}{processors:>8.2f}"
                f"{each[0]:>9}{each[1]:>6}",
                flush=True,
            )
        own = size_of(published / "accounts") / options.accounts / 1e6
        print(f"an account's own files, the former build's too: {own:.1f} MB")


if __name__ == "__main__":
    main()
