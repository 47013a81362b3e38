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


def _expanded(store: ObjectStore, account: str, discounts: list[Any]) -> list[Any]:
    return [
        (store.get(account, "discount", item) or item) if isinstance(item, str) else item
        for item in discounts
    ]


def _as_read(store: ObjectStore, account: str, stream: str, item: dict[str, Any]) -> dict[str, Any]:
    """Return one object with the expansions that its stream asks for."""
    if stream in ("invoices", "subscriptions"):
        item["discounts"] = _expanded(store, account, item["discounts"])
    if stream == "subscriptions":
        for child in item["items"]["data"]:
            child["discounts"] = _expanded(store, account, child["discounts"])
    return item


def objects(
    store: ObjectStore, account: str, stream: str, history_start: int, now: int
) -> Iterator[dict[str, Any]]:
    """Yield what a first import at `now` reads of one stream."""
    floor = 0
    if stream in HISTORY_STREAMS:
        floor = history_start
    if stream == "events":
        floor = now - EVENT_DAYS * DAY
    for item in store.scan(account, TYPES[stream]):
        if item.get("created", now) >= floor:
            yield _as_read(store, account, stream, item)


def first_import(world: World, store: ObjectStore, account: str, history_start: int) -> Load:
    """Return the load of a first import of an account at the world's present."""
    return Load(
        account_id=account,
        read_at=world.now,
        objects={
            stream: list(objects(store, account, stream, history_start, world.now))
            for stream in STREAMS
        },
        history_start=history_start,
    )
