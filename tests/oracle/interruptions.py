"""When a subscription was unpaid or paused before it was watched, from `docs/metrics.md` §11.

Belongs here: what invoices and failed charges say of it. Not here: events and syncs (`history`).
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracle.lines import is_credit, is_proration
from tests.oracle.readings import Object, Readings

HOUR = 3_600


def cycle_start(invoice: Object) -> int | None:
    """Return when the period begins that a cycle invoice bills; None for other invoices."""
    starts = [
        int(line["period"]["start"])
        for line in invoice["lines"]["data"]
        if not is_proration(line) and not is_credit(line)
    ]
    if invoice["billing_reason"] != "subscription_cycle" or not starts:
        return None
    return min(starts)


def paused_after_trial(
    readings: Readings, invoices: Sequence[Object], shown: Object, at: int
) -> bool:
    """Whether nothing was billed yet since a trial that ended within the imported invoices."""
    ended = shown.get("trial_end")
    if ended is None or not readings.history_start <= ended <= at:
        return False
    if shown["status"] not in ("active", "past_due", "unpaid", "canceled"):
        return False
    billed = [
        line["period"]["start"]
        for invoice in invoices
        for line in invoice["lines"]["data"]
        if line["period"]["start"] >= ended
    ]
    return at < min(billed) if billed else shown["status"] == "canceled"


def unpaid_from(readings: Readings, invoices: Sequence[Object], now: Object) -> int:
    """Return since when a subscription is unpaid that no event and no sync saw fall so."""
    begins = readings.watched_from
    drafts: list[int] = []
    failed: list[int] = []
    for invoice in invoices:
        paid = invoice["status_transitions"]["paid_at"]
        attempts = [
            int(charge["created"])
            for charge in readings.charges_of(invoice)
            if charge["status"] == "failed" and charge["created"] < begins
        ]
        if attempts and (paid is None or paid >= begins):
            failed = attempts
        start = cycle_start(invoice)
        if start is None:
            continue
        if invoice["status"] == "draft" and start < begins:
            drafts.append(start)
        elif invoice["status"] not in ("draft", "void", "uncollectible"):
            drafts = []
    if failed:
        return max(failed)
    return drafts[0] if drafts else int(now["items"]["data"][0]["current_period_start"])


def is_silent(invoices: Sequence[Object], at: int) -> bool:
    """Whether the cycle invoice of that time was written off at once, and a later one was not."""
    cycles = sorted(
        (start, _is_written_off(invoice))
        for invoice in invoices
        if (start := cycle_start(invoice)) is not None
    )
    begun = [silent for start, silent in cycles if start <= at]
    later = [silent for start, silent in cycles if start > at]
    return bool(begun) and begun[-1] and not all(later)


def _is_written_off(invoice: Object) -> bool:
    moments = invoice["status_transitions"]
    ended = moments["voided_at"] or moments["marked_uncollectible_at"]
    return (
        invoice["status"] in ("void", "uncollectible")
        and invoice["attempt_count"] == 0
        and ended is not None
        and ended <= (moments["finalized_at"] or invoice["created"]) + HOUR
    )
