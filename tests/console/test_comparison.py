"""The demo's comparison: it must not call different numbers equal."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from console.demo.comparison import Comparison, compare

DAY = date(2026, 11, 1)
numbers = st.one_of(
    st.none(),
    st.integers(-(10**12), 10**12),
    st.decimals(-(10**9), 10**9, places=9),
)


def truth_of(**metrics: Any) -> dict[str, dict[str, dict[str, Any]]]:
    return {DAY.isoformat(): {"usd": metrics}}


def row_of(**metrics: Any) -> dict[str, Any]:
    return {"day": DAY, "currency": "usd", **metrics}


@given(numbers, numbers)
def test_equal_means_the_same_number_or_both_unknown(ours: Any, theirs: Any) -> None:
    said = Comparison(DAY, "usd", "mrr", ours, theirs).equal

    if ours is None or theirs is None:
        assert said == (ours is theirs)
    else:
        assert said == (Decimal(ours) - Decimal(theirs) == 0)


def test_a_difference_in_the_ninth_decimal_is_a_difference() -> None:
    (only,) = compare([row_of(mrr=Decimal("1.000000001"))], truth_of(mrr="1"))

    assert not only.equal


def test_a_number_that_was_not_published_differs() -> None:
    (only,) = compare([row_of()], truth_of(mrr="1"))

    assert not only.equal


def test_a_day_that_only_one_side_has_differs() -> None:
    assert [each.equal for each in compare([], truth_of(mrr="0"))] == [False]
    assert [each.equal for each in compare([row_of(mrr=Decimal(0))], {})] == [False]
