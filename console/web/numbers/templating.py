"""What templates of numbers need to know: words for pickers, and numbers for people."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment

from console.web.numbers.data import Column, Data, Shown, shown
from console.web.numbers.metrics import METRICS, Unit
from console.web.numbers.selection import (
    CUSTOM,
    PRESETS,
    REPORTING,
    Comparison,
    Selection,
    comparison_label,
)

#: Columns for JSON and CSV that a table on a page has no room for.
_HIDDEN = frozenset({"customer_id", "price_id"})


#: Whether a status is good news; what is not here is neither.
_TONES = {
    "active": "good",
    "succeeded": "good",
    "paid": "good",
    "converted": "good",
    "failed": "bad",
    "unpaid": "bad",
    "lost": "bad",
    "uncollectible": "bad",
    "past_due": "warn",
    "incomplete": "warn",
    "pending": "info",
    "trialing": "info",
    "open": "info",
}


def teach(environment: Environment) -> None:
    """Add the filters and functions that `_numbers.html` uses."""
    environment.filters["number"] = _number
    environment.globals |= {
        "label_of": lambda name: METRICS[name].label,
        "shown_columns": _columns,
        "tone_of": _TONES.get,
        "range_choices": _ranges,
        "comparison_choices": _comparisons,
        "currency_choices": _currencies,
    }


def _number(value: Any, kind: str, selection: Selection) -> str:
    # Templates write a unit as its word.
    known = Unit(kind) if kind in set(Unit) else Shown(kind)
    return shown(value, known, selection.currency, selection.locale)


def _columns(data: Data) -> list[Column]:
    """The columns that a table on a page shows: not those that would be empty all the way down."""
    return [
        column
        for column in data.columns
        if column.name not in _HIDDEN
        and (column.kind is not Shown.FLAG or any(data.column(column.name)))
    ]


def _ranges() -> list[tuple[str, str]]:
    return [*((name, preset.label) for name, preset in PRESETS.items()), (CUSTOM, "Custom …")]


def _comparisons() -> list[tuple[str, str]]:
    return [(str(each), comparison_label(each)) for each in Comparison]


def _currencies(selection: Selection) -> list[tuple[str, str]]:
    reach = selection.reach
    choices = [(each, each.upper()) for each in reach.currencies]
    if reach.reporting:
        choices.append((REPORTING, f"All, in {reach.reporting.upper()}"))
    return choices
