"""How much of a history has been read: told by time, from the parts that come and go."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_sources.stripe.journal import Checkpoint, Held, Journal, Part
from dlt_sources.stripe.landing import AccountLanding, MemoryBudget
from dlt_sources.stripe.remaining import Remaining
from dlt_sources.stripe.windows import Window, cut, remainder

DAY = 86_400


def part(gte: int, lt: int, stream: str = "charges") -> Part:
    return Part(stream, (), Window(gte, lt))


@given(st.lists(st.integers(0, 100 * DAY - 1), max_size=20), st.integers(1, 4))
def test_however_a_list_is_cut_its_share_goes_from_nothing_to_all(
    pages: list[int], parts: int
) -> None:
    """Pages end anywhere, what remains is cut as the reader does it, and all is read at last."""
    remaining = Remaining()
    left = [part(0, 100 * DAY)]
    remaining.begin(left)
    former = remaining.share_read("charges")
    assert former == 0
    for last_created in pages:
        fitting = [each for each in left if each.window.gte <= last_created < each.window.lt]
        if not fitting:
            continue
        done = fitting[0]
        rest = remainder(done.window, "ch_1", last_created)
        coming = [Part("charges", (), window) for window in cut(rest, parts, 0)]
        left = [each for each in left if each is not done] + coming
        remaining.exchange([done], coming)
        share = remaining.share_read("charges")
        assert share is not None
        assert former <= share <= 1
        former = share
    remaining.exchange(left, [])
    assert remaining.share_read("charges") == 1


def test_lists_of_state_and_objects_have_no_share() -> None:
    remaining = Remaining()
    remaining.begin([part(0, DAY, "customers"), Held("invoices", "in_1")])
    assert remaining.share_read("customers") is None
    assert remaining.share_read("invoices") is None
    remaining.exchange([Held("invoices", "in_1")], [part(0, DAY, "customers")])
    assert remaining.share_read("customers") is None


def test_what_an_earlier_try_read_counts() -> None:
    remaining = Remaining()
    remaining.begin([part(0, 25 * DAY)], span=100 * DAY)
    assert remaining.share_read("charges") == pytest.approx(0.75)


def test_a_landing_tells_the_share_of_what_was_landed(tmp_path: Path) -> None:
    landing = AccountLanding("acct_1", Journal(tmp_path / "a"), budget=MemoryBudget(2**20))
    whole = part(0, 10 * DAY)
    landing.begin(Checkpoint({}, began=0, now=10 * DAY - 1, start=0, left=(whole,)), lambda: 0)
    rest = part(0, 4 * DAY)
    page = [{"id": "ch_1", "object": "charge", "created": 4 * DAY}]
    landing.add("charges", page, 1, 1, done=whole, left=[rest])
    assert landing.share_read("charges") == pytest.approx(0.6)
    # A part in the place of itself, as when a page is asked for again, changes nothing.
    landing.exchange(rest, rest)
    assert landing.share_read("charges") == pytest.approx(0.6)
    landing.add("charges", [], 1, 1, done=rest)
    assert landing.share_read("charges") == 1
