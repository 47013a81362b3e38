"""What was read of one account, object by object.

Belongs here: the newest reading of each object, the versions and events of subscriptions, the
account's clock. Not here: what follows from them.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise, permutations
from typing import Any
from zoneinfo import ZoneInfo

from tests.dbt_project.landing import Load

Object = dict[str, Any]
DAY = 86_400
WATCHED = 30 * DAY


@dataclass
class Readings:
    """Everything that the loads of one account hold.

    Attributes:
        now: The newest sync's start, Unix seconds.
        first_sync: The first sync's start.
        history_start: From when payment history was imported.
        newest: The newest reading of each object by stream and id; deleted ones stay.
        tombstones: When a deleted object was first missed, by stream and id.
        versions: Every reading of a subscription with its time, in order.
        events: All events by creation.
    """

    now: int
    first_sync: int
    history_start: int
    zone: ZoneInfo
    currency: str
    newest: dict[str, dict[str, Object]]
    tombstones: dict[tuple[str, str], int]
    versions: dict[str, list[tuple[int, Object]]]
    events: list[Object]
    discounts: dict[str, Object] = field(default_factory=dict)

    @classmethod
    def of(cls, loads: Iterable[Load]) -> Readings:
        """Gather the loads of one account."""
        ordered = sorted(loads, key=lambda load: load.read_at)
        newest: dict[str, dict[str, Object]] = defaultdict(dict)
        versions: dict[str, list[tuple[int, Object]]] = defaultdict(list)
        tombstones: dict[tuple[str, str], int] = {}
        for load in ordered:
            for stream, objects in load.objects.items():
                for item in objects:
                    newest[stream][item["id"]] = dict(item)
                    if stream == "subscriptions":
                        versions[item["id"]].append((load.read_at, dict(item)))
            for stream, ids in load.tombstones.items():
                for key in ids:
                    tombstones.setdefault((stream, key), load.read_at)
        last = ordered[-1]
        account = newest["accounts"].get(last.account_id, {})
        dashboard = (account.get("settings") or {}).get("dashboard") or {}
        starts = [load.history_start or load.read_at - load.history_days * DAY for load in ordered]
        readings = cls(
            now=last.read_at,
            first_sync=ordered[0].read_at,
            history_start=min(starts),
            zone=ZoneInfo(last.reporting_timezone or dashboard.get("timezone") or "UTC"),
            currency=account.get("default_currency", "usd"),
            newest=newest,
            tombstones=tombstones,
            versions=versions,
            events=sorted(newest["events"].values(), key=lambda event: event["created"]),
        )
        readings._gather_discounts()
        return readings

    def day(self, at: int) -> dt.date:
        """Return the local day of an instant."""
        return dt.datetime.fromtimestamp(at, tz=self.zone).date()

    def close(self, day: dt.date) -> int:
        """Return the last instant of a local day, now for today."""
        midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=self.zone)
        return min(int(midnight.timestamp()) - 1, self.now)

    def objects(self, stream: str) -> Iterable[Object]:
        """Return the newest reading of each object of a stream."""
        return self.newest[stream].values()

    @property
    def watched_from(self) -> int:
        """From when events tell of every change."""
        if any(event["created"] < self.first_sync for event in self.events):
            return self.first_sync - WATCHED
        return self.first_sync

    def subscription_events(self, subscription: str) -> list[Object]:
        """Return the events of a subscription in the order in which they happened.

        Events of one second are put in the order in which each one's former values are what the
        one before left behind.
        """
        found = [
            event
            for event in self.events
            if event["type"].startswith("customer.subscription.")
            and event["data"]["object"]["id"] == subscription
        ]
        by_second: dict[int, list[Object]] = defaultdict(list)
        for event in found:
            by_second[event["created"]].append(event)
        ordered: list[Object] = []
        for second in sorted(by_second):
            ordered += _chained(by_second[second])
        return ordered

    def charges_of(self, invoice: Object) -> list[Object]:
        """Return the charges that tried to pay an invoice."""
        links = [link["payment"] for link in invoice["payments"]["data"]]
        charges = {link.get("charge") for link in links}
        intents = {link.get("payment_intent") for link in links} - {None}
        return [
            charge
            for charge in self.objects("charges")
            if charge["id"] in charges or charge["payment_intent"] in intents
        ]

    def _gather_discounts(self) -> None:
        """Index every discount object that any reading shows."""
        holders: list[Any] = [version for seen in self.versions.values() for _, version in seen]
        holders += [item for version in holders for item in version["items"]["data"]]
        holders += list(self.objects("invoices"))
        shown = [item for holder in holders for item in holder.get("discounts") or []]
        shown += [item.get("discount") for item in self.objects("customers")]
        shown += [
            event["data"]["object"]
            for event in self.events
            if event["type"].startswith("customer.discount.")
        ]
        for event in self.events:
            if event["type"].startswith("customer.subscription."):
                shown += event["data"]["object"].get("discounts") or []
                shown.append(event["data"]["object"].get("discount"))
        for item in shown:
            if isinstance(item, dict) and "start" in item:
                self.discounts[item["id"]] = item


def _chained(events: list[Object]) -> list[Object]:
    def follows(earlier: Object, later: Object) -> bool:
        before = later["data"].get("previous_attributes") or {}
        return all(
            _covers(value, earlier["data"]["object"].get(key)) for key, value in before.items()
        )

    if len(events) == 1:
        return events
    for order in permutations(events):
        kinds = [event["type"].rsplit(".", 1)[1] for event in order]
        if "created" in kinds[1:] or "deleted" in kinds[:-1]:
            continue
        if all(follows(a, b) for a, b in pairwise(order)):
            return list(order)
    return events


def _covers(former: Any, shown: Any) -> bool:
    if isinstance(former, dict) and isinstance(shown, dict):
        return all(_covers(value, shown.get(key)) for key, value in former.items())
    return bool(former == shown)


def before(event: Object) -> Object | None:
    """Return a subscription as it was before an event, or None before its creation."""
    if event["type"] == "customer.subscription.created":
        return None
    former = event["data"].get("previous_attributes") or {}
    return dict(_overlaid(event["data"]["object"], former))


def _overlaid(shown: Any, former: Any) -> Any:
    if isinstance(shown, dict) and isinstance(former, dict):
        return shown | {key: _overlaid(shown.get(key), value) for key, value in former.items()}
    return former
