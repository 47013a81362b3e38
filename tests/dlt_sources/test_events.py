"""What events mean, and the cheapest way to read again what they name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_sources.stripe.events import (
    Changes,
    Touched,
    is_deletion,
    needs_recovery,
    pages_of,
    plan,
    touched_by,
)
from dlt_sources.stripe.streams import BY_NAME, HISTORY_EVENT_TYPES, STREAMS, Kind

SINCE = 1_000_000


def event(kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    return {"id": "evt_1", "type": kind, "data": {"object": obj}}


@pytest.mark.parametrize(
    ("kind", "obj", "touched"),
    [
        (
            "charge.refunded",
            {"object": "charge", "id": "ch_1", "created": 5},
            {Touched("charges", "ch_1", 5)},
        ),
        (
            "refund.updated",
            {"object": "refund", "id": "re_1", "created": 7, "charge": "ch_1"},
            {Touched("refunds", "re_1", 7), Touched("charges", "ch_1", None)},
        ),
        (
            "charge.dispute.closed",
            {"object": "dispute", "id": "du_1", "created": 7, "charge": {"id": "ch_1"}},
            {Touched("disputes", "du_1", 7), Touched("charges", "ch_1", None)},
        ),
        (
            "customer.discount.created",
            {"object": "discount", "id": "di_1", "customer": "cus_1", "subscription": "sub_1"},
            {Touched("customers", "cus_1", None), Touched("subscriptions", "sub_1", None)},
        ),
        (
            "invoice_payment.paid",
            {"object": "invoice_payment", "id": "inpay_1", "invoice": "in_1"},
            {Touched("invoices", "in_1", None)},
        ),
        ("invoice.upcoming", {"object": "invoice", "created": 5}, set()),
        ("balance.available", {"object": "balance"}, set()),
    ],
)
def test_an_event_names_what_changed(kind: str, obj: dict[str, Any], touched: set[Touched]) -> None:
    assert set(touched_by(event(kind, obj))) == touched


def test_a_deleted_subscription_is_canceled_and_not_gone() -> None:
    assert not is_deletion(event("customer.subscription.deleted", {}))
    assert not is_deletion(event("customer.discount.deleted", {}))
    assert is_deletion(event("customer.deleted", {}))
    assert is_deletion(event("coupon.deleted", {}))


def test_the_types_of_a_first_import_fit_one_request() -> None:
    assert len(HISTORY_EVENT_TYPES) == len(set(HISTORY_EVENT_TYPES)) <= 20


@pytest.mark.parametrize(("gap_days", "recovery"), [(24.9, False), (25.1, True)])
def test_a_gap_of_25_days_is_not_trusted_to_the_feed(gap_days: float, recovery: bool) -> None:
    assert needs_recovery(SINCE, SINCE + int(gap_days * 86_400)) is recovery


def changes(new: int = 0, old: int = 0, unknown: int = 0, deleted: int = 0) -> Changes:
    made = Changes()
    for i in range(new):
        made.add(Touched("charges", f"new{i}", SINCE + i), deletion=False)
    for i in range(old):
        made.add(Touched("charges", f"old{i}", SINCE - 1 - i), deletion=False)
    for i in range(unknown):
        made.add(Touched("charges", f"unknown{i}", None), deletion=False)
    for i in range(deleted):
        made.add(Touched("charges", f"gone{i}", SINCE + i), deletion=True)
    return made


counts = st.integers(0, 400)


@given(
    st.sampled_from([s for s in STREAMS if s.kind in (Kind.STATE, Kind.HISTORY)]),
    counts,
    counts,
    counts,
    counts,
    st.one_of(st.none(), st.integers(1, 100_000)),
)
def test_the_plan_reads_everything_and_never_costs_more_than_by_id(
    stream: Any, new: int, old: int, unknown: int, deleted: int, size: int | None
) -> None:
    changed = changes(new, old, unknown, deleted)
    chosen = plan(stream, changed, since=SINCE, size=size)
    assert sorted([*chosen.ids, *chosen.listed]) == sorted(changed.created)
    assert changed.deleted <= set(chosen.ids), "what is gone is in no list"
    objects = {None: 0, SINCE: new, 0: (size or 0) + new}[chosen.list_from]
    assert chosen.requests(stream, objects) <= len(changed.created)
    if chosen.list_from == SINCE:
        assert all(name.startswith("new") for name in chosen.listed)


def test_a_dense_window_is_listed_and_old_objects_are_read_by_id() -> None:
    chosen = plan(BY_NAME["charges"], changes(new=250, old=3), since=SINCE, size=None)
    assert chosen.list_from == SINCE
    assert sorted(chosen.ids) == ["old0", "old1", "old2"]


def test_a_few_changes_are_read_by_id() -> None:
    assert plan(BY_NAME["charges"], changes(new=1, old=3), since=SINCE, size=None).ids


def test_most_of_a_small_list_is_read_as_the_whole_list() -> None:
    chosen = plan(BY_NAME["customers"], changes(old=90), since=SINCE, size=120)
    assert chosen.list_from == 0
    assert chosen.ids == ()


def test_prices_are_two_lists() -> None:
    assert pages_of(BY_NAME["prices"], 5) == 2
