"""Reads a simulated world as the dlt source would and lands it.

Belongs here: which objects a sync sees, expanded as the source asks for them. Not here: HTTP,
which the end-to-end tests of the source exercise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stripe_simulator.store import ObjectStore
from stripe_simulator.world import World
from tests.dbt_project.landing import STREAMS, Load

DAY = 86_400
EVENT_DAYS = 30
TYPES = {stream: stream.removesuffix("s") for stream in STREAMS}
# Payment history is read for a window of days; all else is read whole.
HISTORY_STREAMS = ("charges", "refunds", "disputes", "invoices")
# Stripe lists no deleted customers and products; only they leave tombstones.
DELETABLE_STREAMS = ("customers", "products")


class Reader:
    """Reads one account again and again; each load holds what has changed since the last."""

    def __init__(self, world: World, store: ObjectStore, account: str, history_start: int) -> None:
        """Prepare to read an account that was never read.

        Args:
            world: The world, which others may advance between loads.
            store: Where its objects are.
            account: The account's id.
            history_start: From when payment history is read, Unix seconds.
        """
        self._world = world
        self._store = store
        self.account = account
        self.history_start = history_start
        self._read: dict[str, dict[str, dict[str, Any]]] = {stream: {} for stream in STREAMS}
        self._loads = 0

    def load(self, reporting_timezone: str | None = None) -> Load:
        """Return what a sync at the world's present lands."""
        changed: dict[str, list[dict[str, Any]]] = {}
        gone: dict[str, list[str]] = {}
        for stream in STREAMS:
            now = {item["id"]: item for item in self._objects(stream)}
            before = self._read[stream]
            changed[stream] = [item for key, item in now.items() if before.get(key) != item]
            if stream in DELETABLE_STREAMS:
                gone[stream] = [key for key in before if key not in now]
            self._read[stream] = now
        self._loads += 1
        return Load(
            account_id=self.account,
            read_at=self._world.now,
            objects=changed,
            tombstones=gone,
            history_start=self.history_start,
            reporting_timezone=reporting_timezone,
            mode="first_import" if self._loads == 1 else "incremental",
        )

    def _objects(self, stream: str) -> Iterator[dict[str, Any]]:
        floor = 0
        if stream in HISTORY_STREAMS:
            floor = self.history_start
        if stream == "events":
            floor = self._world.now - EVENT_DAYS * DAY
        named = self._charges_given_back() if stream == "charges" else set()
        for item in self._store.scan(self.account, TYPES[stream]):
            if item.get("created", floor) >= floor or item["id"] in named:
                yield self._expanded(stream, item)

    def _charges_given_back(self) -> set[str]:
        """Return the charges, however old, that a refund or dispute of the window names."""
        return {
            str(item["charge"])
            for kind in ("refund", "dispute")
            for item in self._store.scan(self.account, kind)
            if item["created"] >= self.history_start and item["charge"]
        }

    def _expanded(self, stream: str, item: dict[str, Any]) -> dict[str, Any]:
        if stream in ("invoices", "subscriptions"):
            item["discounts"] = self._discounts(item["discounts"])
        if stream == "subscriptions":
            for child in item["items"]["data"]:
                child["discounts"] = self._discounts(child["discounts"])
        return item

    def _discounts(self, listed: list[str]) -> list[Any]:
        return [self._store.get(self.account, "discount", key) or key for key in listed]
