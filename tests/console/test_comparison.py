"""The demo's comparison: it must not call different numbers equal."""

from datetime import date, timedelta
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
    (only,) = compare([row_of(mrr=Decimal("1.000000001"))], truth_of(mrr="1"), DAY)

    assert not only.equal


def test_a_number_that_was_not_published_differs() -> None:
    (only,) = compare([row_of()], truth_of(mrr="1"), DAY)

    assert not only.equal


def test_a_day_that_only_one_side_has_differs() -> None:
    assert [each.equal for each in compare([], truth_of(mrr="0"), DAY)] == [False]
    assert [each.equal for each in compare([row_of(mrr=Decimal(0))], {}, DAY)] == [False]


def wrong(days_before_first_sync: int, metric: str, ours: Any, share: str = "0.5") -> bool:
    """Whether a number that is not the truth is called wrong."""
    row = row_of(estimated_mrr_share=Decimal(share), **{metric: ours})
    (only,) = compare([row], truth_of(**{metric: "1"}), DAY + timedelta(days_before_first_sync))
    return only.wrong


def test_only_a_flagged_estimate_from_before_the_events_may_differ() -> None:
    assert not wrong(31, "mrr", Decimal(2))
    assert wrong(31, "mrr", Decimal(2), share="0")
    assert wrong(30, "mrr", Decimal(2))
    assert wrong(31, "gross_revenue", Decimal(2))


def test_what_looks_thirty_days_back_may_be_open_for_as_long() -> None:
    assert not wrong(1, "grr", None, share="0")
    assert not wrong(1, "grr", Decimal(2))
    assert wrong(0, "grr", Decimal(2))
    assert wrong(0, "grr", None)
