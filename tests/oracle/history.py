"""What a subscription was at an instant, from `docs/metrics.md` §5 and §7.

Belongs here: one question, `Timeline.at`, answered from versions, events, invoice lines and the
present. Not here: amounts, days.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from tests.oracle.discounts import Discounts, ids_of
from tests.oracle.interruptions import is_silent, paused_after_trial, unpaid_from
from tests.oracle.later_items import LaterItems
from tests.oracle.lines import (
    details,
    discounted,
    is_credit,
    is_proration,
    price_of,
    subscription_of,
    without_undone,
)
from tests.oracle.money import Line, monthly
from tests.oracle.readings import Object, Readings, before

PAUSED = ("void", "mark_uncollectible")


@dataclass
class State:
    """A subscription at an instant.

    Attributes:
        status: What counts: `trialing` within a trial.
        mrr: Gross, default and net MRR of each item, millionths of a minor unit.
        sold: Price and quantity of each item.
    """

    status: str
    mrr: dict[str, tuple[int, int, int]]
    sold: dict[str, tuple[str, int | None]]

    @property
    def active(self) -> bool:
        """Whether the subscription counts as active."""
        return self.status in ("active", "past_due")


class Timeline:
    """One subscription through time."""

    def __init__(self, readings: Readings, subscription: str) -> None:
        self.readings = readings
        self.now: Object = readings.newest["subscriptions"][subscription]
        self.events = readings.subscription_events(subscription)
        self.versions = readings.versions[subscription]
        self.invoices = sorted(
            (
                invoice
                for invoice in readings.objects("invoices")
                if subscription_of(invoice) == subscription
            ),
            key=lambda invoice: invoice["created"],
        )
        self.discounts = Discounts(readings, self.now)
        # What was worked out last, and from what: most days are like the day before.
        self._last: tuple[object, list[tuple[int, int, int]]] | None = None
        # Everything that says what the subscription was from a time on; an event beats the list
        # that was read in the same second.
        told = [(at, 0, version) for at, version in self.versions]
        told += [(event["created"], 1, event["data"]["object"]) for event in self.events]
        self.told = sorted(told, key=lambda entry: entry[:2])

    @property
    def start(self) -> int:
        """When it began."""
        return int(self.now["start_date"])

    @property
    def end(self) -> int | None:
        """When it ended, if it has."""
        ended = self.now.get("ended_at")
        return None if ended is None else int(ended)

    @cached_property
    def first_active(self) -> int | None:
        """The first moment as active, if there was one by now."""
        moments = {self.start, *(entry[0] for entry in self.told)}
        for shown in (self.now, *(entry[2] for entry in self.told)):
            moments |= {at for at in (shown.get("trial_start"), shown.get("trial_end")) if at}
        moments |= {
            paid for i in self.invoices if (paid := i["status_transitions"]["paid_at"]) is not None
        }
        if self.now.get("trial_end") is not None:
            moments |= {
                line["period"]["start"]
                for invoice in self.invoices
                for line in invoice["lines"]["data"]
            }
        for at in sorted(moments):
            state = self.at(at) if at <= self.readings.now else None
            if state is not None and state.active:
                return at
        return None

    @cached_property
    def is_trialing(self) -> bool:
        """Whether it is in trial now."""
        state = self.at(self.readings.now)
        return state is not None and state.status == "trialing"

    def _object_at(self, at: int) -> tuple[Object, bool]:
        """Return the subscription as it was, and whether only the present was held back."""
        earlier = [entry for entry in self.told if entry[0] <= at]
        if earlier:
            return earlier[-1][2], False
        if self.events and self.events[0]["created"] <= self.versions[0][0]:
            former = before(self.events[0])
            if former is None:
                # Backdated: from its start on it was what its creation made of it.
                first = self.events[0]["created"]
                made = [event for event in self.events if event["created"] == first]
                return made[-1]["data"]["object"], False
        else:
            former = self.versions[0][1]
        return former, at < self.readings.watched_from

    def at(self, at: int) -> State | None:
        """Return the state at an instant, or None before the start and from the end on."""
        if at < self.start or (self.end is not None and at >= self.end):
            return None
        shown, held_back = self._object_at(at)
        status = self._status(shown, held_back, at)
        items = self._items(shown, held_back, at)
        paused = (shown.get("pause_collection") or {}).get("behavior")
        if held_back and is_silent(self.invoices, at):
            paused = "void"
        elif held_back and paused is not None and at < self._paused_from():
            paused = None
        sold = {item: (price, quantity) for item, price, quantity, _ in items}
        if status not in ("active", "past_due") or paused in PAUSED:
            return State(status, {item: (0, 0, 0) for item in sold}, sold)
        lines = [
            Line(
                self._in_currency(self._price(price)),
                quantity,
                self.discounts.live(discounts, at),
                self._untaxed(item, price),
            )
            for item, price, quantity, discounts in items
        ]
        whole = self.discounts.live(self.discounts.of_subscription(shown, held_back, at), at)
        if not whole:
            whole = self.discounts.live(self.discounts.of_customer(at), at)
        asked = (
            [(line.price["id"], line.quantity, line.untaxed) for line in lines],
            [[coupon["id"] for coupon in line.coupons] for line in lines],
            [coupon["id"] for coupon in whole],
        )
        if self._last is None or self._last[0] != asked:
            three = [
                monthly(lines, whole, durations)
                for durations in ((), ("forever",), ("forever", "once", "repeating"))
            ]
            self._last = (asked, list(zip(*three, strict=True)))
        amounts = self._last[1]
        return State(status, dict(zip(sold, amounts, strict=True)), sold)

    def _status(self, shown: Object, held_back: bool, at: int) -> str:
        begins, ends = shown.get("trial_start"), shown.get("trial_end")
        if begins is not None and ends is not None and begins <= at < ends:
            return "trialing"
        status = str(shown["status"])
        if held_back:
            for invoice in self.invoices:
                paid = invoice["status_transitions"]["paid_at"]
                if (
                    invoice["billing_reason"] == "subscription_create"
                    and invoice["collection_method"] == "charge_automatically"
                    and invoice["amount_due"] > 0
                    and paid is not None
                    and invoice["created"] < paid
                    and at < paid
                ):
                    return "incomplete"
            if paused_after_trial(self.readings, self.invoices, shown, at):
                return "paused"
            if status in ("canceled", "past_due", "trialing"):
                return "active"
            if status == "unpaid" and at < unpaid_from(self.readings, self.invoices, self.now):
                return "active"
        elif status == "trialing" and any(
            entry[0] > at and entry[2]["status"] in ("active", "past_due") for entry in self.told
        ):
            return "active"
        # Whoever has not ended yet is not canceled yet.
        return "active" if status == "canceled" else status

    def _paused_from(self) -> int:
        """Return when a pause began that no event and no sync saw begin."""
        run: list[int] = []
        for invoice in self.invoices:
            starts = [
                line["period"]["start"]
                for line in invoice["lines"]["data"]
                if not is_proration(line) and not is_credit(line)
            ]
            if invoice["billing_reason"] != "subscription_cycle" or not starts:
                continue
            if min(starts) >= self.readings.watched_from:
                continue
            if invoice["status"] in ("void", "uncollectible", "draft"):
                run.append(min(starts))
            else:
                run = []
        return run[0] if run else int(self.now["items"]["data"][0]["current_period_start"])

    def _items(
        self, shown: Object, held_back: bool, at: int
    ) -> list[tuple[str, str, int | None, list[str]]]:
        items = [item for item in shown["items"]["data"] if item["id"] not in self.later.ids]
        listed = {
            item["id"]: (
                item["id"],
                item["price"]["id"],
                item.get("quantity"),
                ids_of(item) if "discounts" in shown else self._present_discounts(item["id"]),
            )
            for item in items
        }
        later = [
            (item, each.price, each.quantity, self._discounts_of(item, each.shown))
            for item, each in self.later.at(at).items()
        ]
        if not held_back:
            return [*listed.values(), *later]
        found = []
        elsewhere = listed.keys() | self.later.ids | self.later.known_by_lines
        told = {key: lines for key, lines in self._item_lines.items() if key not in elsewhere}
        for item in items:
            added = item["created"] if item["created"] > self.now["created"] else self.start
            if at >= added:
                found.append(self._from_lines(listed[item["id"]], at))
        found += later
        for key, lines in told.items():
            first = lines[0]
            if is_proration(first) and not is_credit(first) and at < first["period"]["start"]:
                continue
            debits = {line["period"]["start"] for line in lines if not is_credit(line)}
            credits = {line["period"]["start"] for line in lines if is_credit(line)} - debits
            if credits and at >= max(credits):
                continue
            found.append(self._from_lines((key, price_of(first), first["quantity"], []), at))
        return found

    @cached_property
    def later(self) -> LaterItems:
        """The items that cut lists leave out."""
        former = None
        if self.events and self.events[0]["created"] <= self.versions[0][0]:
            former = before(self.events[0])
        return LaterItems(self.now, self.told, former, lambda: self._all_item_lines)

    def _discounts_of(self, item_id: str, shown: Object | None) -> list[str]:
        if shown is None:
            return []
        return ids_of(shown) if "discounts" in shown else self._present_discounts(item_id)

    def _present_discounts(self, item_id: str) -> list[str]:
        for item in self.now["items"]["data"]:
            if item["id"] == item_id:
                return ids_of(item)
        return []

    @cached_property
    def _item_lines(self) -> dict[str, list[Object]]:
        """Return the licensed lines before the watched time, by item, in order."""
        until = self.readings.watched_from
        early = {
            item: [line for line in lines if line["period"]["start"] < until]
            for item, lines in self._all_item_lines.items()
        }
        return {item: lines for item, lines in early.items() if lines}

    @cached_property
    def _all_item_lines(self) -> dict[str, list[Object]]:
        """Return the licensed lines by item, in order."""
        found: dict[str, list[Object]] = {}
        for invoice in self.invoices:
            for line in invoice["lines"]["data"]:
                item = self._item_of(line)
                if item is None:
                    continue
                recurring = self._price(price_of(line)).get("recurring") or {}
                if recurring.get("usage_type") == "licensed":
                    found.setdefault(item, []).append(line)
        for item, lines in found.items():
            # At one instant what was given back comes before what was charged.
            lines.sort(key=lambda line: (line["period"]["start"], not is_credit(line)))
            found[item] = [self._whole(line) for line in without_undone(lines)]
        return found

    def _whole(self, line: Object) -> Object:
        """Return a line with the quantity of all tiers where they are billed one by one."""
        if self._price(price_of(line)).get("tiers_mode") != "graduated":
            return line
        invoice = next(i for i in self.invoices if line in i["lines"]["data"])
        together = [
            each["quantity"]
            for each in invoice["lines"]["data"]
            if details(each).get("subscription_item") == details(line)["subscription_item"]
            and price_of(each) == price_of(line)
            and each["period"]["start"] == line["period"]["start"]
            and (is_credit(each), is_proration(each)) == (is_credit(line), is_proration(line))
        ]
        return line | {"quantity": sum(together)}

    def _from_lines(
        self, present: tuple[str, str, int | None, list[str]], at: int
    ) -> tuple[str, str, int | None, list[str]]:
        item, _, _, discounts = present
        lines = self._item_lines.get(item, [])
        started = [line for line in lines if line["period"]["start"] <= at]
        if started and not is_credit(started[-1]):
            return item, price_of(started[-1]), started[-1]["quantity"], discounts
        if started:
            return present
        if lines:
            return item, price_of(lines[0]), lines[0]["quantity"], discounts
        return present

    def _price(self, price: str) -> Object:
        known = self.readings.newest["prices"].get(price)
        if known is not None:
            return known
        holders = [version for _, version in self.versions]
        holders += [event["data"]["object"] for event in self.events]
        for holder in holders:
            for item in holder["items"]["data"]:
                if item["price"]["id"] == price:
                    return dict(item["price"])
        raise KeyError(f"No reading shows the price {price}.")

    def _in_currency(self, price: Object) -> Object:
        """Return the price as it is in the subscription's currency; free where it has none."""
        currency = self.now["currency"]
        if price["currency"] == currency:
            return price
        nothing = {"unit_amount_decimal": "0", "tiers": [], "billing_scheme": "per_unit"}
        return price | ((price.get("currency_options") or {}).get(currency) or nothing)

    def _item_of(self, line: Object) -> str | None:
        """Return the item of a line; a proration without one belongs to the price's only item."""
        item = details(line).get("subscription_item")
        if item is not None or not is_proration(line):
            return item
        price = price_of(line)
        known = {
            details(each)["subscription_item"]
            for invoice in self.invoices
            for each in invoice["lines"]["data"]
            if details(each).get("subscription_item") and price_of(each) == price
        }
        base = self.versions[0][1] if not self.events else before(self.events[0]) or self.now
        known |= {each["id"] for each in base["items"]["data"] if each["price"]["id"] == price}
        known |= {
            each["id"]
            for _, _, shown in self.told
            for each in shown["items"]["data"]
            if each["id"] in self.later.ids and each["price"]["id"] == price
        }
        return str(known.pop()) if len(known) == 1 else None

    def _untaxed(self, item: str, price: str) -> Fraction:
        newest: Object | None = None
        for invoice in self.invoices:
            for line in invoice["lines"]["data"]:
                of = details(line)
                if of.get("subscription_item") != item or is_proration(line) or is_credit(line):
                    continue
                if price_of(line) != price or line["amount"] <= discounted(line):
                    continue
                if newest is None or line["period"]["start"] >= newest["period"]["start"]:
                    newest = line
        if newest is None:
            return Fraction(1)
        tax = sum(
            each["amount"]
            for each in newest.get("taxes") or []
            if each["tax_behavior"] == "inclusive"
        )
        return 1 - Fraction(tax, newest["amount"] - discounted(newest))
