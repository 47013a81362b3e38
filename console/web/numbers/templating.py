"""What templates of numbers need to know: words for pickers, and numbers for people."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment

from console.web.numbers.data import Shown, shown
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


def teach(environment: Environment) -> None:
    """Add the filters and functions that `_numbers.html` uses."""
    environment.filters["number"] = _number
    environment.globals |= {
        "label_of": lambda name: METRICS[name].label,
        "hidden_columns": _HIDDEN,
        "range_choices": _ranges,
        "comparison_choices": _comparisons,
        "currency_choices": _currencies,
    }


def _number(value: Any, kind: str, selection: Selection) -> str:
    # Templates write a unit as its word.
    known = Unit(kind) if kind in set(Unit) else Shown(kind)
    return shown(value, known, selection.currency, selection.locale)


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
