"""When two readings of an object say the same: its text without what Stripe changes in silence.

Pure functions. Adding a field that changes without an event is one entry of `SILENT`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson

from dlt_sources.stripe.rows import scrub

SILENT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "customer": frozenset({"next_invoice_sequence"}),
        # `valid` ends with the clock or with the last redemption.
        "coupon": frozenset({"times_redeemed", "valid"}),
        # Becomes `available` by the clock alone.
        "balance_transaction": frozenset({"status"}),
        # Links are made anew at every reading; the webhooks' time is noted after the fact.
        "invoice": frozenset({"hosted_invoice_url", "invoice_pdf", "webhooks_delivered_at"}),
        "charge": frozenset({"receipt_url"}),
        "dispute": frozenset({"evidence_details"}),
    }
)
"""By type of object, fields that change without an event and that no number depends on."""


def comparable(value: Any) -> Any:
    """Return a copy of a decoded object without its silent fields, at any depth."""
    if isinstance(value, dict):
        silent = SILENT.get(str(value.get("object", "")), frozenset())
        return {key: comparable(each) for key, each in value.items() if key not in silent}
    if isinstance(value, list):
        return [comparable(each) for each in value]
    return value


def differing_fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the outermost fields in which two readings differ, sorted.

    The order of keys means nothing; secrets and silent fields are left out.
    """
    left, right = (comparable(scrub(orjson.loads(orjson.dumps(each)))) for each in (one, other))
    absent = object()
    return tuple(
        sorted(
            name
            for name in left.keys() | right.keys()
            if left.get(name, absent) != right.get(name, absent)
        )
    )
