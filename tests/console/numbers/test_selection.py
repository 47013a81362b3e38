"""What an address asks for: every word that there is, and refusals of all others."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.web.numbers.selection import (
    PRESETS,
    Comparison,
    Grain,
    Reach,
    Selection,
    SelectionError,
    parse,
)

days = st.dates(date(2000, 1, 1), date(2199, 12, 31))


def reach(today: date = date(2026, 11, 27), history: int = 90) -> Reach:
    return Reach(
        account="acct_A1",
        name="A",
        today=today,
        first_day=today - timedelta(days=history),
        currencies=("usd", "eur"),
        timezone="UTC",
        as_of=datetime(2026, 11, 27, tzinfo=UTC),
        watched_from=datetime(2026, 10, 27, tzinfo=UTC),
    )


words = st.fixed_dictionaries(
    {},
    optional={
        "account": st.just("acct_A1"),
        "currency": st.sampled_from(["usd", "EUR"]),
        "range": st.sampled_from([*PRESETS, "custom"]),
        "from": days.map(str),
        "to": days.map(str),
        "compare": st.sampled_from([str(each) for each in Comparison]),
        "grain": st.sampled_from([str(each) for each in Grain]),
        "locale": st.sampled_from(["en", "de", "en-GB", "pt_BR"]),
    },
)
reaches = st.builds(
    reach, st.dates(date(2001, 1, 1), date(2199, 1, 1)), st.integers(min_value=0, max_value=300)
)


def resolved(parameters: dict[str, str], known: Reach) -> Selection | None:
    try:
        return parse(parameters).resolve(known)
    except SelectionError:
        return None


@given(words, reaches)
def test_a_selection_is_found_again_in_its_own_address(
    parameters: dict[str, str], known: Reach
) -> None:
    selection = resolved(parameters, known)
    if selection is not None:
        again = parse(dict(parse_qsl(selection.query()))).resolve(known)
        assert again == selection


@given(words, reaches)
def test_a_span_is_in_order_and_within_what_was_asked(
    parameters: dict[str, str], known: Reach
) -> None:
    selection = resolved(parameters, known)
    if selection is None:
        assert {"from", "to"} & parameters.keys(), "only days can be out of order"
        return
    assert selection.asked.first <= selection.span.first <= selection.span.last
    assert selection.span.last == selection.asked.last
    if selection.comparison is Comparison.PREVIOUS and selection.former is not None:
        assert selection.former.days == selection.asked.days
        assert selection.former.last + timedelta(days=1) == selection.asked.first


@given(reaches)
def test_presets_end_today_or_before(known: Reach) -> None:
    for name in PRESETS:
        span = parse({"range": name}).resolve(known).asked
        assert span.first <= span.last <= known.today


@given(
    st.sampled_from(["range", "compare", "grain", "currency", "account", "from", "to", "locale"]),
    st.text(min_size=1, max_size=30),
)
def test_any_other_word_is_refused_by_name(name: str, word: str) -> None:
    try:
        selection = parse({name: word}).resolve(reach())
    except SelectionError as error:
        assert str(error).startswith((f"{name}=", "from="))
        assert "\n" not in str(error)
    else:
        # Some draws are words that there are, or blank.
        given_back = parse(dict(parse_qsl(selection.query()))).resolve(reach())
        assert given_back == selection


@pytest.mark.parametrize(
    ("today", "name", "first", "last"),
    [
        (date(2026, 3, 1), "last_month", date(2026, 2, 1), date(2026, 2, 28)),
        (date(2026, 1, 15), "last_month", date(2025, 12, 1), date(2025, 12, 31)),
        (date(2026, 12, 31), "quarter", date(2026, 10, 1), date(2026, 12, 31)),
        (date(2026, 1, 1), "year", date(2026, 1, 1), date(2026, 1, 1)),
        (date(2026, 11, 27), "7d", date(2026, 11, 21), date(2026, 11, 27)),
    ],
)
def test_presets(today: date, name: str, first: date, last: date) -> None:
    span = parse({"range": name}).resolve(reach(today)).asked
    assert (span.first, span.last) == (first, last)


def test_a_leap_day_is_compared_with_the_28th() -> None:
    asked = {"from": "2028-02-29", "to": "2028-02-29", "compare": "year"}
    former = parse(asked).resolve(reach(date(2028, 3, 1))).former
    assert former is not None
    assert (former.first, former.last) == (date(2027, 2, 28), date(2027, 2, 28))


def test_the_form_may_send_days_beside_a_preset() -> None:
    sent = {"range": "30d", "from": "2020-01-01", "to": "2020-02-01"}
    assert parse(sent).resolve(reach()).asked.days == 30
    assert parse(sent | {"range": "custom"}).resolve(reach()).asked.days == 32
