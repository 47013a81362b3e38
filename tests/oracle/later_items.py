"""Items that the cut lists of events leave out, from `docs/metrics.md` §7.

Belongs here: which items those are, and what one of them was at an instant. Not here: the items
that every reading shows (`history`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tests.oracle.lines import is_credit, is_proration, price_of
from tests.oracle.readings import Object

SHOWN = 10


@dataclass(frozen=True)
class LaterItem:
    """What an item was.

    Attributes:
        price: Its price.
        quantity: Its quantity.
        shown: The reading's own item, where a reading told; it knows the discounts.
    """

    price: str
    quantity: int | None
    shown: Object | None


class LaterItems:
    """The items of one subscription that some event left out of its list."""

    def __init__(
        self,
        now: Object,
        told: Sequence[tuple[int, int, Object]],
        former: Object | None,
        lines: Callable[[], Mapping[str, list[Object]]],
    ) -> None:
        """Gather what was told.

        Args:
            now: The subscription as it is.
            told: Every reading with its time, in order.
            former: What it was before the first event, if that is known and comes first.
            lines: Returns the licensed lines of each item, in order.
        """
        self._now = now
        self._told = [(at, shown) for at, _, shown in told]
        self._former = former
        self._lines = lines

    @cached_property
    def ids(self) -> set[str]:
        """The items that a list left out while the subscription had them."""
        first = [] if self._former is None else [(self._told[0][0], self._former)]
        created = {
            item["id"]: item["created"] for _, shown in self._told for item in _listed(shown)
        }
        found = set()
        gone: set[str] = set()
        among_the_first: set[str] = set()
        seen: set[str] = set()
        for at, shown in first + self._told:
            listed = [item["id"] for item in _listed(shown)]
            if _is_cut(shown):
                gone |= among_the_first - set(listed)
                hidden = created.keys() - gone - set(listed)
                found |= {item for item in hidden if created[item] <= at}
            else:
                gone |= seen - set(listed)
            seen |= set(listed)
            among_the_first = set(listed[:SHOWN])
        return found

    @cached_property
    def known_by_lines(self) -> set[str]:
        """Items that were gone before any list showed them, where lists are cut."""
        readings = [self._now, *([self._former] if self._former else [])]
        readings += [shown for _, shown in self._told]
        listed = {item["id"] for shown in readings for item in _listed(shown)}
        return set(self._lines()) - listed if self.ids else set()

    def at(self, at: int) -> dict[str, LaterItem]:
        """Return those of both that the subscription had at an instant, in listed order."""
        order = [item["id"] for _, shown in self._told for item in _listed(shown)]
        found = {}
        for item in sorted(self.ids, key=order.index) + sorted(self.known_by_lines):
            state = self._state(item, at)
            if state is not None:
                found[item] = state
        return found

    def _state(self, item: str, at: int) -> LaterItem | None:
        tellings = self._tellings(item)
        earlier = [(when, shown) for when, shown in tellings if when <= at]
        later = [(when, shown) for when, shown in tellings if when > at]
        since = earlier[-1][0] if earlier else -1
        lines = [line for line in self._lines().get(item, []) if line["period"]["start"] > since]
        past = [line for line in lines if line["period"]["start"] <= at]
        if past:
            last = past[-1]
            if is_credit(last):
                return None if earlier or later[0][1] is None else self._of(later[0][1])
            near = (earlier[-1][1] if earlier else None) or (later[0][1] if later else None)
            return LaterItem(price_of(last), last["quantity"], near)
        if earlier:
            if earlier[-1][1] is not None:
                return self._of(earlier[-1][1])
            # Not there at the last reading, but made since.
            return self._made_before(later, at) if later else None
        until, shown = later[0]
        coming = [line for line in lines if line["period"]["start"] < until]
        if not self._was_added(shown, coming, at):
            return None
        if coming:
            return LaterItem(price_of(coming[0]), coming[0]["quantity"], shown)
        return None if shown is None else self._of(shown)

    def _made_before(self, later: list[tuple[int, Object | None]], at: int) -> LaterItem | None:
        _, shown = later[0]
        return self._of(shown) if shown is not None and shown["created"] <= at else None

    def _was_added(self, shown: Object | None, coming: list[Object], at: int) -> bool:
        if shown is not None:
            return bool(shown["created"] <= self._now["created"] or shown["created"] <= at)
        # Gone by the first reading: there from the start unless its first line adds it.
        return bool(coming) and (is_credit(coming[0]) or not is_proration(coming[0]))

    def _tellings(self, item: str) -> list[tuple[int, Object | None]]:
        """Return what each reading that says anything of an item shows of it, None if nothing."""
        found: dict[int, Object | None] = {}
        former = [] if self._former is None else _listed(self._former)[:SHOWN]
        was_among_the_first = item in {each["id"] for each in former}
        for at, shown in self._told:
            listed = {each["id"]: (place, each) for place, each in enumerate(_listed(shown))}
            place, each = listed.get(item, (SHOWN, None))
            if each is not None or not _is_cut(shown) or was_among_the_first:
                found[at] = each
            was_among_the_first = place < SHOWN
        return sorted(found.items())

    @staticmethod
    def _of(shown: Object) -> LaterItem:
        return LaterItem(shown["price"]["id"], shown.get("quantity"), shown)


def _listed(shown: Object) -> list[Object]:
    return list(shown["items"]["data"])


def _is_cut(shown: Object) -> bool:
    return bool(shown["items"].get("has_more"))
