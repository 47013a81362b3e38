"""What was before anybody watched: `docs/metrics.md` §5 and §7."""

from __future__ import annotations

from tests.dbt_project.casting import Expected, Streams, case, streams
from tests.dbt_project.objects import (
    Object,
    ago,
    coupon,
    discount,
    event,
    invoice,
    line,
    price,
    subscription,
)


@case
def events_tell_what_was() -> tuple[Streams, Expected]:
    """An upgrade ten days ago by event; nothing moved today."""
    small, large = price("1000"), price("3000")
    made = subscription((large,))
    part = made["items"]["data"][0]
    former = part | {"price": small}
    changed = event(
        "customer.subscription.updated",
        made,
        ago(10),
        {"items": {"data": [former]}},
    )
    return streams(made, prices=(small,), events=[changed]), {
        "mrr": "30",
        "mrr_opening": "30",
        "estimated_mrr_share": "0",
        "nrr": "3",
    }


@case
def events_of_one_second_are_chained() -> tuple[Streams, Expected]:
    """One seat, five, two, seven, all in a second ten days ago; ids tell another order."""
    made = subscription((price("1000"), 7))

    def changed(before: int, after: int) -> Object:
        [part] = made["items"]["data"]
        shown = made | {"items": made["items"] | {"data": [part | {"quantity": after}]}}
        former = {"items": {"data": [part | {"quantity": before}]}}
        return event("customer.subscription.updated", shown, ago(10), former)

    return streams(made, events=[changed(2, 7), changed(1, 5), changed(5, 2)]), {
        "mrr": "70",
        "days": {11: "10", 10: "70", 1: "70"},
        "estimated_days": {11: "0", 9: "0"},
    }


@case
def backdated_subscriptions_restate_the_past() -> tuple[Streams, Expected]:
    """`start_date` decides, not `created`."""
    made = subscription((price("1000"),), start=ago(40), created=ago(2))
    return streams(made), {"mrr": "10", "mrr_new": "0", "nrr": "1"}


@case
def prorations_date_changes() -> tuple[Streams, Expected]:
    """50 days ago, long before any event: the debit line says when, the credit what was."""
    small, large = price("1000"), price("3000")
    made = subscription((large, 2), start=ago(200))
    part = made["items"]["data"][0]
    former = part | {"quantity": 1}
    credit = line(made["id"], small, former, -500, ago(50), proration=True, credits="in_before")
    debit = line(made["id"], large, part, 3000, ago(50), proration=True)
    sent = invoice(
        credit,
        debit,
        created=ago(50),
        subscription=made["id"],
        billing_reason="subscription_update",
    )
    return streams(made, prices=(small,), invoices=[sent]), {
        "mrr": "60",
        "days": {51: "10", 49: "60"},
        "estimated_days": {51: "0", 49: "0"},
    }


@case
def an_unprorated_change_waits_for_its_cycle() -> tuple[Streams, Expected]:
    """Known from the next cycle line on, and the days before it are estimates."""
    of = price("1000")
    made = subscription((of, 5), start=ago(80))
    part = made["items"]["data"][0]
    before, after = part | {"quantity": 2}, part
    invoices = [
        invoice(
            line(made["id"], of, before, 2000, ago(80)),
            created=ago(80),
            subscription=made["id"],
            billing_reason="subscription_create",
        ),
        invoice(
            line(made["id"], of, after, 5000, ago(50)), created=ago(50), subscription=made["id"]
        ),
    ]
    return streams(made, invoices=invoices), {
        "mrr": "50",
        "days": {60: "20", 40: "50"},
        "estimated_days": {60: "1", 40: "0"},
    }


@case
def prorations_may_name_no_item() -> tuple[Streams, Expected]:
    """As invoice items do: the price tells which item it was, the credit what was before."""
    small, large = price("1000"), price("3000")
    made = subscription((large,), start=ago(200))
    part = made["items"]["data"][0]
    known = line(made["id"], small, part, 1000, ago(80))
    changed = [
        line(made["id"], small, part, -500, ago(50)),
        line(made["id"], large, part, 1500, ago(50)),
    ]
    for each in changed:
        each["parent"] = {
            "type": "invoice_item_details",
            "invoice_item_details": {
                "invoice_item": "ii_1",
                "subscription": made["id"],
                "proration": True,
                "proration_details": {"credited_items": None},
            },
        }
    sent = [
        invoice(known, created=ago(80), subscription=made["id"]),
        invoice(
            *changed,
            created=ago(50),
            subscription=made["id"],
            billing_reason="subscription_update",
        ),
    ]
    return streams(made, prices=(small,), invoices=sent), {
        "mrr": "30",
        "days": {51: "10", 49: "30"},
    }


@case
def an_old_event_hides_a_second_discount() -> tuple[Streams, Expected]:
    """The old shape of an event shows one discount; the invoice that uses it tells of it."""
    tenth, once = coupon(10), coupon(amount=1000, duration="once")
    shown = discount(tenth, ago(60), "cus_a")
    made = subscription((price("10000"),), id="sub_hides", discounts=(shown,))
    part = made["items"]["data"][0]
    hidden = discount(once, ago(20), "cus_a") | {"subscription": "sub_hides"}
    former = {name: value for name, value in made.items() if name != "discounts"}
    attached = event("customer.subscription.updated", former | {"discount": shown}, ago(20), {})
    billed = line(
        made["id"],
        part["price"],
        part,
        10000,
        ago(10),
        discount_amounts=[
            {"amount": 1000, "discount": shown["id"]},
            {"amount": 1000, "discount": hidden["id"]},
        ],
    )
    sent = invoice(billed, created=ago(10), subscription=made["id"], discounts=[shown, hidden])
    return streams(made, coupons=(tenth, once), invoices=[sent], events=[attached]), {
        "mrr": "90",
        "mrr_net": "90",
        "net_days": {21: "90", 15: "80", 9: "90"},
    }


@case
def a_later_item_is_dated_by_its_proration() -> tuple[Streams, Expected]:
    """Of twelve items events show ten: the change of the last stands on an invoice alone.

    The one before it changed without a proration: its next cycle line shows it.
    """
    of = [price(str(100 * number)) for number in range(1, 13)]
    made = subscription(*((each, 1) for each in of[:10]), (of[10], 3), (of[11], 5), start=ago(60))
    items = made["items"]["data"]
    cut = made | {"items": made["items"] | {"data": items[:10], "has_more": True}}
    updated = [
        event("customer.subscription.updated", cut, at, {"latest_invoice": "in_before"})
        for at in (ago(20), ago(12))
    ]
    was = items[11] | {"quantity": 2}
    prorated = [
        line(made["id"], of[11], was, -800, ago(12), proration=True, credits="in_before"),
        line(made["id"], of[11], items[11], 2000, ago(12), proration=True),
    ]
    invoices = [
        invoice(
            line(made["id"], of[10], items[10] | {"quantity": 1}, 1100, ago(35)),
            line(made["id"], of[11], was, 2400, ago(35)),
            created=ago(35),
            subscription=made["id"],
        ),
        invoice(
            *prorated,
            created=ago(12),
            subscription=made["id"],
            billing_reason="subscription_update",
        ),
        invoice(
            line(made["id"], of[10], items[10], 3300, ago(5)),
            line(made["id"], of[11], items[11], 6000, ago(5)),
            created=ago(5),
            subscription=made["id"],
        ),
    ]
    return streams(made, invoices=invoices, events=updated), {
        "mrr": "148",
        "days": {25: "90", 13: "90", 11: "126", 6: "126", 4: "148"},
        "estimated_days": {25: "0.122222", 11: "0.087302", 4: "0"},
    }
