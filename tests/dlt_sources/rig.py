"""A simulated Stripe and a warehouse to sync it into: what the end-to-end tests stand on."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from dlt_sources.stripe import (
    AccountTask,
    Cursor,
    Extraction,
    LoadReport,
    extract_accounts,
    load_extraction,
    read_cursors,
)
from dlt_sources.stripe.client import Retries
from dlt_sources.stripe.lake import Lake
from dlt_sources.stripe.streams import STREAMS, Kind
from dlt_sources.stripe.warehouse import reading

ROOT = Path(__file__).resolve().parents[2]

IMPATIENT = Retries(attempts=8, rate_attempts=8, base=0.01, cap=0.02)
"""Tests need the number of tries, not the waits between them."""

SILENT_FIELDS = {
    # Stripe changes these without an event, and nothing is computed from them.
    "customer": {"next_invoice_sequence"},
    "coupon": {"times_redeemed"},
    # Becomes `available` by the clock alone.
    "balance_transaction": {"status"},
}


@dataclass
class Simulator:
    """A running simulator."""

    url: str
    accounts: list[dict[str, Any]]
    others: list["Simulator"] = field(default_factory=list)

    def join(self, other: "Simulator") -> None:
        """Take another world's accounts too; their objects and requests stay over there."""
        self.others.append(other)
        self.accounts = [*self.accounts, *other.accounts]

    def control(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_simulator/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method="GET" if body is None else "POST",
        )
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def advance(self, *, days: float) -> None:
        self.control("advance", {"seconds": int(days * 86_400)})
        for other in self.others:
            other.advance(days=days)

    def requests(self) -> dict[str, int]:
        """Requests by endpoint since the last call."""
        counts: dict[str, int] = self.control("requests")["endpoints"]
        self.control("requests/reset", {})
        return counts

    def state(self, account: str, object_type: str) -> dict[str, Any]:
        base = next(each["url"] for each in self.accounts if each["account"] == account)
        url = f"{base}/_simulator/state?account={account}&type={object_type}"
        with urllib.request.urlopen(url) as response:
            objects = [json.loads(line) for line in response.read().splitlines()]
        return {each["id"]: each for each in objects if not each.get("deleted")}


@contextmanager
def running_simulator(*options: str) -> Iterator[Simulator]:
    """Start `python -m stripe_simulator` and wait until it says that it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stripe_simulator", "--port", "0", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "http://" in first, f"the simulator did not start: {first!r}"
        url = next(word for word in first.split() if word.startswith("http://")).rstrip(",")
        with urllib.request.urlopen(f"{url}/_simulator/accounts") as response:
            accounts = [{**account, "url": url} for account in json.load(response)]
        yield Simulator(url, accounts)
    finally:
        process.terminate()
        process.wait()


@dataclass
class Rig:
    """A warehouse that is synced from a simulator."""

    simulator: Simulator
    home: Path
    api_base: str | None = None
    runs: int = field(default=0)
    lake: Lake | None = None

    @property
    def warehouse(self) -> Any:
        """The lake, or a file; which one makes no difference to a test that may have either."""
        return self.lake or self.home / "warehouse.duckdb"

    @property
    def work_dir(self) -> Path:
        return self.home / "runs"

    @property
    def account_ids(self) -> list[str]:
        return [account["account"] for account in self.simulator.accounts]

    def cursors(self) -> dict[str, Cursor]:
        now = datetime.fromtimestamp(self.simulator.control("health")["now"], UTC)
        return read_cursors(self.warehouse, self.account_ids, now=now)

    def tasks(
        self,
        *,
        days: tuple[date, date] | None = None,
        keys: dict[str, str] | None = None,
    ) -> list[AccountTask]:
        cursors = self.cursors()

        def task(account: dict[str, Any]) -> AccountTask:
            key = (keys or {}).get(account["account"], account["api_key"])
            return AccountTask(
                account["account"],
                authorise=lambda: {"Authorization": f"Bearer {key}"},
                api_base=self.api_base or account["url"],
                cursor=cursors.get(account["account"]),
                days=days,
            )

        return [task(account) for account in self.simulator.accounts]

    def extract(self, tasks: Sequence[AccountTask] | None = None, **options: Any) -> Extraction:
        self.runs += 1
        return extract_accounts(
            self.tasks(**options) if tasks is None else tasks,
            work_dir=self.work_dir,
            run_id=f"run-{self.runs}",
            retries=IMPATIENT,
        )

    def sync(
        self, tasks: Sequence[AccountTask] | None = None, **options: Any
    ) -> tuple[Extraction, LoadReport]:
        extraction = self.extract(tasks, **options)
        return extraction, load_extraction(extraction, warehouse=self.warehouse)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with reading(self.warehouse) as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def rows(self) -> dict[str, int]:
        return {
            table: self.query(f"select count(*) from raw_stripe.{table}")[0][0]
            for table in [*(stream.name for stream in STREAMS), "syncs"]
        }

    def latest(self, account: str, table: str) -> dict[str, dict[str, Any]]:
        """The current objects of a stream, tombstones left out."""
        found = self.query(
            f"select id, object from raw_stripe.{table} where account_id = ? qualify row_number()"
            " over (partition by id order by read_at desc, read_order desc) = 1 and not deleted",
            account,
        )
        return {object_id: json.loads(text) for object_id, text in found}

    def differences(self) -> list[str]:
        """Say how the warehouse's current objects differ from the simulator's; best empty."""
        found = []
        for account in self.account_ids:
            start = self.query(
                "select epoch(min(history_start)) from raw_stripe.syncs where account_id = ?",
                account,
            )[0][0]
            for stream in STREAMS:
                if stream.kind is Kind.FEED:
                    continue
                theirs = self.simulator.state(account, stream.object_type)
                ours = self.latest(account, stream.name)
                wanted = {
                    object_id
                    for object_id, obj in theirs.items()
                    if stream.kind is not Kind.HISTORY or obj["created"] >= start
                }
                found += [f"{stream.name} {i} is missing" for i in wanted - ours.keys()]
                found += [f"{stream.name} {i} is gone there" for i in ours.keys() - theirs.keys()]
                found += [
                    f"{stream.name} {i} differs in {', '.join(fields)}"
                    for i in ours.keys() & theirs.keys()
                    if (fields := _differing(ours[i], theirs[i]))
                ]
        return found


def _differing(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    left, right = _comparable(ours), _comparable(theirs)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def _comparable(value: Any, name: str = "") -> Any:
    """Leave out secrets and silent fields, and bring expanded discounts back to their ids."""
    if isinstance(value, dict):
        silent = SILENT_FIELDS.get(value.get("object", ""), set()) | {"client_secret"}
        return {k: _comparable(v, k) for k, v in value.items() if k not in silent}
    if isinstance(value, list):
        if name == "discounts":
            return [each["id"] if isinstance(each, dict) else each for each in value]
        return [_comparable(each) for each in value]
    return value
