"""Which discounts a subscription had at an instant, from `docs/metrics.md` §1 and §7.

Belongs here: lists of discounts, those that are gone among them, and when they were live. Not here:
what they take off (`money`).
"""

from __future__ import annotations

import sys
from typing import Any

from tests.oracle.lines import subscription_of
from tests.oracle.readings import Object, Readings


class Discounts:
    """The discounts of one subscription and of its customer through time."""

    def __init__(self, readings: Readings, now: Object) -> None:
        """Gather the customer's invoices.

        Args:
            readings: All that was read.
            now: The subscription as it is.
        """
        self._readings = readings
        self._now = now
        self._invoices = [
            invoice
            for invoice in readings.objects("invoices")
            if invoice["customer"] == now["customer"]
        ]

    def of_subscription(self, shown: Object, held_back: bool, at: int) -> list[str]:
        """Return the subscription's own discounts, those that are gone by now among them."""
        listed = ids_of(shown)
        if "discounts" not in shown and listed:
            # The old shape shows the first discount alone.
            present = ids_of(self._now)
            listed = [key for key in listed if key not in present] + present
        hides = "discounts" not in shown and bool(listed)
        if not held_back and not hides:
            return listed
        # What an old event hides came after the one that it shows.
        gone = [
            discount
            for discount in self._readings.discounts.values()
            if discount.get("subscription") == self._now["id"]
            and discount.get("subscription_item") is None
            and discount["id"] not in listed
            and (held_back or self._is_before(listed[0], discount["id"], unknown=True))
            and not self._was_gone(discount, at)
        ]
        gone.sort(
            key=lambda discount: (
                discount["start"],
                self._place(discount["id"]) or sys.maxsize,
                discount["id"],
            )
        )
        return self._among(listed, gone, first=0 if held_back else 1)

    def _among(self, listed: list[str], gone: list[Object], *, first: int) -> list[str]:
        """Put each that is gone after the last listed one that began before it.

        Args:
            listed: The listed ones.
            gone: Those that are gone, in order.
            first: How many of the listed ones come before them in any case.
        """
        places = [(place, 0, key) for place, key in enumerate(listed, start=1)]
        for number, discount in enumerate(gone, start=1):
            earlier = [
                place
                for place, key in enumerate(listed, start=1)
                if self._is_before(key, discount["id"], unknown=False)
            ]
            places.append((max(earlier, default=first), number, discount["id"]))
        return [key for _, _, key in sorted(places)]

    def _is_before(self, one: str, other: str, *, unknown: bool) -> bool:
        """Tell whether one was listed before another; `unknown` where nothing says."""
        starts = [self._readings.discounts[key]["start"] for key in (one, other)]
        if starts[0] != starts[1]:
            return bool(starts[0] < starts[1])
        place, other_place = self._place(one), self._place(other)
        if place is None or other_place is None:
            return unknown
        return place < other_place

    def _place(self, discount: str) -> int | None:
        """Return its place, from 1, on the first invoice that lists it."""
        for invoice in sorted(self._invoices, key=lambda each: (each["created"], each["id"])):
            if discount in ids_of(invoice):
                return ids_of(invoice).index(discount) + 1
        return None

    def of_customer(self, at: int) -> list[str]:
        """Return the customer's discounts, those that are gone by now among them."""
        customer = self._now["customer"]
        present = self._readings.newest["customers"].get(customer)
        listed = [present["discount"]["id"]] if present and present.get("discount") else []
        own = sorted(
            (
                discount
                for discount in self._readings.discounts.values()
                if discount["customer"] == customer
                and discount.get("subscription") is None
                and discount.get("subscription_item") is None
            ),
            key=lambda discount: (discount["start"], discount["id"]),
        )
        found = []
        for place, discount in enumerate(own):
            if discount["id"] in listed:
                continue
            if place + 1 < len(own) and at >= own[place + 1]["start"]:
                continue
            known_end = place + 1 < len(own) or self._known_end(discount) is not None
            if not known_end and present and at >= self._readings.watched_from:
                continue
            if not self._was_gone(discount, at):
                found.append(discount["id"])
        return found + listed

    def _carrying(self, discount: str) -> list[int]:
        return [
            invoice["created"]
            for invoice in self._invoices
            if discount in ids_of(invoice)
            or any(
                discount == each["discount"]
                for line in invoice["lines"]["data"]
                for each in line.get("discount_amounts") or []
            )
        ]

    def _known_end(self, discount: Object) -> int | None:
        ends = [] if discount.get("end") is None else [discount["end"]]
        ends += [
            event["created"]
            for event in self._readings.events
            if event["type"] == "customer.discount.deleted"
            and event["data"]["object"]["id"] == discount["id"]
        ]
        carried = self._carrying(discount["id"])
        if carried:
            if self._coupon(discount)["duration"] == "once":
                ends.append(min(carried))
            of_customer = discount.get("subscription") is None
            ends += [
                invoice["created"]
                for invoice in self._invoices
                if invoice["created"] > max(carried)
                and (
                    not ids_of(invoice)
                    if of_customer
                    else subscription_of(invoice) == discount["subscription"]
                )
            ]
        return min(ends) if ends else None

    def _was_gone(self, discount: Object, at: int) -> bool:
        end = self._known_end(discount)
        return end is not None and at >= end

    def _coupon(self, discount: Object) -> Object:
        source = (discount.get("source") or {}).get("coupon") or discount.get("coupon")
        key = source["id"] if isinstance(source, dict) else source
        return self._readings.newest["coupons"][str(key)]

    def live(self, discounts: list[str], at: int) -> list[Object]:
        """Return the coupons of those discounts that are live."""
        found = []
        for key in discounts:
            discount = self._readings.discounts[key]
            coupon = self._coupon(discount)
            ends = [discount["end"]] if discount.get("end") is not None else []
            if coupon["duration"] == "once":
                ends += self._carrying(key)
            if discount["start"] <= at and not (ends and at >= min(ends)):
                found.append(coupon)
        return found


def ids_of(holder: Any) -> list[str]:
    """Return the ids of the discounts that an object lists, in the present shape or the old."""
    listed = holder.get("discounts") or ([holder["discount"]] if holder.get("discount") else [])
    return [item["id"] if isinstance(item, dict) else item for item in listed]
