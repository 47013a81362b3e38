"""The parts that charts are put together from, as plotly's JSON.

Text (hover, ticks, legends) is written here, by locale and currency, from the exact numbers; only
the places of points are floats. Colours are names of the pages' tokens, `@chart-1` or
`@chart-1/0.1`: the browser puts in the present theme's (`static/charts.js`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from console.web.numbers import formats
from console.web.numbers.data import Data
from console.web.numbers.formats import Number
from console.web.numbers.metrics import Unit
from console.web.numbers.selection import Grain, Selection

Figure = dict[str, Any]
Trace = dict[str, Any]
Values = Sequence[Number | None]

_TICKS = 5
#: The line that marks the hovered period.
_SPIKE = {"spikecolor": "@border-strong", "spikethickness": 1, "spikedash": "solid"}
_LABELS = 6


def periods(data: Data, selection: Selection) -> list[str]:
    """What each period is called; the places of the x axis."""
    days: list[int] = data.facts["days"]
    whole = {Grain.DAY: 1, Grain.WEEK: 7, Grain.MONTH: 28}[selection.grain]
    names = []
    for place, day in enumerate(data.column("period")):
        name = _period(day, selection)
        if days[place] < whole:
            # The range, or the imported history, begins or ends within the period.
            name += f" ({days[place]} day{'' if days[place] == 1 else 's'})"
        elif day == selection.reach.today:
            name += " (so far)"
        names.append(name)
    return names


def line(
    label: str, x: Sequence[str], values: Values, unit: Unit, selection: Selection, color: str
) -> Trace:
    """A line; NULL is a hole in it."""
    return {
        "type": "scatter",
        "mode": "lines" if len(x) > 1 else "markers",
        "name": label,
        "x": list(x),
        "y": places(values),
        "line": {"color": color, "width": 2.25, "shape": "linear"},
        "marker": {"color": color, "size": 8},
        "customdata": words(values, unit, selection),
        "hovertemplate": "%{customdata}",
        "connectgaps": False,
    }


def bar(
    label: str,
    x: Sequence[str],
    values: Values,
    unit: Unit,
    selection: Selection,
    color: str,
    estimated: Sequence[bool] = (),
) -> Trace:
    """Bars, hatched where they rest on estimated history."""
    trace: Trace = {
        "type": "bar",
        "name": label,
        "x": list(x),
        "y": places(values),
        "marker": {"color": color},
        "customdata": words(values, unit, selection),
        "hovertemplate": "%{customdata}",
    }
    if any(estimated):
        trace["marker"]["pattern"] = {
            "shape": ["/" if flag else "" for flag in estimated],
            "size": 5,
            "solidity": 0.45,
            "fillmode": "replace",
        }
    return trace


def hatch_legend() -> Trace:
    """The legend's entry for hatched bars: a trace without a point."""
    return {
        "type": "bar",
        "name": "Estimated",
        "x": [None],
        "y": [None],
        "hoverinfo": "skip",
        "marker": {
            "color": "@chart-6",
            "pattern": {"shape": "/", "size": 5, "solidity": 0.45, "fillmode": "replace"},
        },
    }


def figure(
    traces: list[Trace],
    x: Sequence[str],
    values: Values,
    unit: Unit,
    data: Data,
    selection: Selection,
) -> Figure:
    """A chart over periods.

    Args:
        traces: What it shows.
        x: The periods' names.
        values: All values that the y axis has to hold.
        unit: Theirs.
        data: Where the periods are.
        selection: For the axis' words.
    """
    return {
        "data": traces,
        "layout": {
            **frame(),
            "showlegend": len(traces) > 1,
            "hovermode": "x unified",
            "xaxis": {
                **axis(),
                "type": "category",
                "showgrid": False,
                **_SPIKE,
                **_days(x, data, selection),
            },
            "yaxis": {**axis(), **ticks(values, unit, selection)},
        },
    }


def frame() -> Figure:
    """What all charts have in common."""
    return {
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "@font", "size": 12, "color": "@text-3"},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
            "font": {"color": "@text-2"},
        },
        "hoverlabel": {
            "bgcolor": "@surface",
            "bordercolor": "@border-strong",
            "font": {"family": "@font", "size": 12.5, "color": "@text"},
        },
        "dragmode": False,
    }


def axis() -> Figure:
    """What all axes have in common: thin lines, room for their words, no dragging."""
    return {
        "fixedrange": True,
        "automargin": True,
        "gridcolor": "@chart-grid",
        "gridwidth": 1,
        "zeroline": False,
        "ticks": "",
        "ticklabelstandoff": 6,
        "tickfont": {"color": "@text-3"},
    }


def ticks(values: Values, unit: Unit, selection: Selection, *, count: int = _TICKS) -> Figure:
    """A y axis' range, and round ticks in the unit's words."""
    known = [Decimal(value) for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (Decimal(0), Decimal(1))
    # Money and counts start at zero, so that heights can be compared.
    if unit is not Unit.RATE or low < 0 or low < high * Decimal("0.6"):
        low, high = min(low, Decimal(0)), max(high, Decimal(0))
    if low == high:
        high = low + 1
    step = _round_step((high - low) / count)
    if unit is Unit.COUNT:
        step = Decimal(-_floor(-step))
    first, last = _floor(low / step), -_floor(-high / step)
    marks = [step * place for place in range(first, last + 1)]
    return {
        "range": [float(marks[0]), float(marks[-1])],
        "tickmode": "array",
        "tickvals": [float(mark) for mark in marks],
        "ticktext": [
            formats.compact(mark, unit, selection.currency, selection.locale) for mark in marks
        ],
    }


def places(values: Values) -> list[float | None]:
    """Where points are drawn: floats, for pixels only."""
    return [None if value is None else float(value) for value in values]


def words(values: Values, unit: Unit, selection: Selection) -> list[str]:
    """What the hover says of each value, exact."""
    return [formats.full(value, unit, selection.currency, selection.locale) for value in values]


def _period(day: Any, selection: Selection) -> str:
    match selection.grain:
        case Grain.MONTH:
            return formats.month(day, selection.locale)
        case Grain.WEEK:
            return f"Week of {formats.day(day, selection.locale)}"
        case Grain.DAY:
            return formats.day(day, selection.locale)


def _days(x: Sequence[str], data: Data, selection: Selection) -> Figure:
    """Some periods' names below the axis, the newest always among them."""
    every = max(1, -(-len(x) // _LABELS))
    chosen = list(range(len(x) - 1, -1, -every))[::-1]
    if len(chosen) > 1 and chosen[0] < every // 2:
        chosen = chosen[1:]
    named = formats.month if selection.grain is Grain.MONTH else formats.short_day
    days = data.column("period")
    return {
        "tickmode": "array",
        "tickvals": [x[place] for place in chosen],
        "ticktext": [named(days[place], selection.locale) for place in chosen],
        "tickangle": 0,
    }


def _round_step(step: Decimal) -> Decimal:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = Decimal(1).scaleb(step.adjusted())
    for factor in (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10)):
        if factor * power >= step:
            return factor * power
    return step


def _floor(number: Decimal) -> int:
    whole = int(number)
    return whole - 1 if number < whole else whole
