"""The pictures: each takes a widget's data and makes a figure of plotly's.

A new picture is one function here; what it is put together from is in `plotting`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from console.web.numbers import formats
from console.web.numbers.data import Data
from console.web.numbers.formats import Number
from console.web.numbers.metrics import Unit
from console.web.numbers.plotting import (
    Figure,
    Trace,
    axis,
    bar,
    figure,
    frame,
    hatch_legend,
    line,
    periods,
    places,
    ticks,
    words,
)
from console.web.numbers.selection import Selection

#: A ranking has room for as many bars at least.
_LEAST_BARS = 6

Draw = Callable[[Data, Selection], Figure]


def mrr_line(data: Data, selection: Selection) -> Figure:
    """MRR as a filled line, its estimated stretch dashed, the former period's as a thin one."""
    values, estimated = data.column("mrr"), data.column("is_estimated")
    x = periods(data, selection)
    traces: list[Trace] = []
    former: list[Number | None] = (
        data.column("former_mrr") if any(c.name == "former_mrr" for c in data.columns) else []
    )
    if any(value is not None for value in former):
        before = line("Former period", x, former, Unit.MONEY, selection, "@chart-6")
        before["line"] |= {"width": 1.5, "dash": "1px,4px"}
        traces.append(before)
    if any(estimated):
        traces.append(_estimated(x, values, estimated, selection))
    known = [None if flag else value for value, flag in zip(values, estimated, strict=True)]
    if any(value is not None for value in known):
        solid = line("MRR", x, known, Unit.MONEY, selection, "@chart-1")
        traces.append(solid | {"fill": "tozeroy", "fillcolor": "@chart-1/0.10"})
    return figure(traces, x, [*values, *former], Unit.MONEY, data, selection)


def _estimated(
    x: Sequence[str], values: Sequence[Number | None], flags: Sequence[bool], selection: Selection
) -> Trace:
    # Drawn on to the first known point, so that the line has no hole; that point's hover is the
    # other line's.
    shown = [
        value if flag or (place > 0 and flags[place - 1]) else None
        for place, (value, flag) in enumerate(zip(values, flags, strict=True))
    ]
    trace = line("MRR, estimated", x, shown, Unit.MONEY, selection, "@chart-1")
    trace["line"] |= {"dash": "5px,4px"}
    trace["hoverinfo"] = ["all" if flag else "skip" for flag in flags]
    return trace | {"fill": "tozeroy", "fillcolor": "@chart-1/0.05"}


def lines(*series: tuple[str, str]) -> Draw:
    """Lines of metrics of one unit: a column and its colour, each."""

    def draw(data: Data, selection: Selection) -> Figure:
        x = periods(data, selection)
        unit, labels = _named(data, series)
        traces = [
            line(labels[name], x, data.column(name), unit, selection, color)
            for name, color in series
        ]
        values = [value for name, _ in series for value in data.column(name)]
        return figure(traces, x, values, unit, data, selection)

    return draw


def bars(
    *series: tuple[str, str],
    negated: Sequence[str] = (),
    sum_line: tuple[str, str] | None = None,
) -> Draw:
    """Stacked bars of metrics of one unit, losses below zero.

    Args:
        series: A column and its colour, each.
        negated: Columns that are losses, but positive in the marts.
        sum_line: Name and colour of a line of the bars' sum.
    """

    def draw(data: Data, selection: Selection) -> Figure:
        x = periods(data, selection)
        there = {column.name for column in data.columns}
        shown = [each for each in series if each[0] in there]
        unit, labels = _named(data, shown)
        estimated = data.column("is_estimated")
        # Of a period in which one part is not known, a stack of the others would mislead.
        known = [
            None not in values
            for values in zip(*(data.column(name) for name, _ in shown), strict=True)
        ]
        stacked = {
            name: [
                Decimal(value if whole else 0) * (-1 if name in negated else 1)
                for value, whole in zip(data.column(name), known, strict=True)
            ]
            for name, _ in shown
        }
        traces = [
            bar(
                labels[name].removesuffix(" MRR"),
                x,
                stacked[name],
                unit,
                selection,
                color,
                estimated,
            )
            for name, color in shown
        ]
        stacks = list(zip(*stacked.values(), strict=True))
        if sum_line is not None:
            label, color = sum_line
            sums = [
                sum(stack) if whole else None for stack, whole in zip(stacks, known, strict=True)
            ]
            net = line(label, x, sums, unit, selection, color)
            net["line"] |= {"width": 1.75}
            traces.append(net)
        if any(estimated):
            traces.append(hatch_legend())
        ends: list[Number | None] = [
            Decimal(sum(part for part in stack if (part > 0) == up))
            for stack in stacks
            for up in (True, False)
        ]
        drawn = figure(traces, x, ends, unit, data, selection)
        drawn["layout"] |= {"barmode": "relative", "bargap": 0.25, "bargroupgap": 0}
        drawn["layout"]["yaxis"] |= {"zeroline": True, "zerolinecolor": "@border-strong"}
        return drawn

    return draw


def waterfall(data: Data, selection: Selection) -> Figure:
    """From opening to closing, one step per movement, from top to bottom."""
    amounts = data.column("amount")
    labels = data.column("label")
    levels = [amounts[0]]
    for amount in amounts[1:-1]:
        levels.append(levels[-1] + amount)
    trace: Trace = {
        "type": "waterfall",
        "orientation": "h",
        "y": labels,
        "x": places(amounts),
        "measure": ["absolute", *["relative"] * (len(amounts) - 2), "total"],
        "text": words(amounts, Unit.MONEY, selection),
        "textposition": "outside",
        "textfont": {"color": "@text-2", "size": 11.5},
        "cliponaxis": False,
        "hoverinfo": "skip",
        "connector": {"line": {"color": "@border-strong", "width": 1}},
        "increasing": {"marker": {"color": "@chart-2"}},
        "decreasing": {"marker": {"color": "@chart-3"}},
        "totals": {"marker": {"color": "@chart-1"}},
    }
    return {
        "data": [trace],
        "layout": {
            **frame(),
            "showlegend": False,
            "hovermode": False,
            "waterfallgap": 0.35,
            "yaxis": {
                **axis(),
                "type": "category",
                "showgrid": False,
                "autorange": "reversed",
                "tickfont": {"color": "@text-2"},
            },
            "xaxis": {**axis(), **_around(levels, selection)},
        },
    }


def _around(levels: Sequence[Decimal], selection: Selection) -> Figure:
    """An axis of the steps' neighbourhood: from zero they would be too small to see."""
    low, high = min(levels), max(levels)
    reach = (high - low) or abs(high) or Decimal(1)
    bottom = low - reach * Decimal("0.25")
    if low >= 0:
        bottom = max(bottom, Decimal(0))
    marks = ticks([Decimal(0), high - bottom], Unit.MONEY, selection, count=4)
    step = Decimal(str(marks["tickvals"][1]))
    shown = [step * place for place in range(int(bottom / step), int(high / step) + 2)]
    return {
        # Room for the words beside the longest bar.
        "range": [float(bottom), float(high + (high - bottom) * Decimal("0.3"))],
        "tickmode": "array",
        "tickvals": [float(mark) for mark in shown],
        "ticktext": [
            formats.compact(mark, Unit.MONEY, selection.currency, selection.locale)
            for mark in shown
        ],
    }


def ranking(name: str, value: str, color: str) -> Draw:
    """Horizontal bars, the largest on top, each with its number beside it.

    Args:
        name: The column of names.
        value: The column of numbers.
        color: The bars'.
    """

    def draw(data: Data, selection: Selection) -> Figure:
        column = next(column for column in data.columns if column.name == value)
        unit = Unit(column.kind)
        values = data.column(value)
        names = [_cut(text) for text in data.column(name)]
        trace: Trace = {
            "type": "bar",
            "orientation": "h",
            "name": column.label,
            # Two of one name would fall on one bar.
            "y": list(range(len(names))),
            "x": places(values),
            "text": [
                formats.compact(each, unit, selection.currency, selection.locale) for each in values
            ],
            "textposition": "outside",
            "textfont": {"color": "@text-2"},
            "cliponaxis": False,
            "customdata": [
                f"{label}: {text}"
                for label, text in zip(
                    data.column(name), words(values, unit, selection), strict=True
                )
            ],
            "hovertemplate": "%{customdata}<extra></extra>",
            "marker": {"color": color, "cornerradius": 3},
        }
        largest: Any = max([value for value in values if value is not None], default=0)
        return {
            "data": [trace],
            "layout": {
                **frame(),
                "showlegend": False,
                "hovermode": "closest",
                "bargap": 0.3,
                "xaxis": {
                    **axis(),
                    "visible": False,
                    "range": [0, float(largest) * 1.28],
                },
                "yaxis": {
                    **axis(),
                    # Few bars stay as thin as many.
                    "range": [max(len(names), _LEAST_BARS) - 0.5, -0.5],
                    "showgrid": False,
                    "tickmode": "array",
                    "tickvals": list(range(len(names))),
                    "ticktext": names,
                    "tickfont": {"color": "@text-2"},
                },
            },
        }

    return draw


def cohorts(data: Data, selection: Selection) -> Figure:
    """How much of each cohort's MRR is left after each month, as a heat map."""
    months = sorted({*data.column("cohort_month")})
    last = max(data.column("months_since_start"), default=0)
    cells = {(row[0], row[1]): row for row in data.rows}
    customers = {row[0]: row[2] for row in data.rows}
    shares: list[list[float | None]] = []
    texts: list[list[str]] = []
    hovers: list[list[str]] = []
    for cohort in months:
        row = [cells.get((cohort, since)) for since in range(last + 1)]
        shares.append([float(cell[5]) if cell and cell[5] is not None else None for cell in row])
        texts.append([_rate(cell[5], selection) if cell else "" for cell in row])
        hovers.append([_cohort_words(cell, selection) if cell else "" for cell in row])
    return {
        "data": [
            {
                "type": "heatmap",
                "z": shares,
                "x": list(range(last + 1)),
                "y": list(range(len(months))),
                "text": texts,
                "texttemplate": "%{text}",
                "textfont": {"size": 11},
                "customdata": hovers,
                "hovertemplate": "%{customdata}<extra></extra>",
                "hoverongaps": False,
                "zmin": 0,
                "zmax": 1,
                "xgap": 2,
                "ygap": 2,
                "colorscale": [[0, "@chart-1~0.03"], [0.5, "@chart-1~0.25"], [1, "@chart-1~0.9"]],
                "showscale": False,
            }
        ],
        "layout": {
            **frame(),
            "margin": {"l": 8, "r": 8, "t": 44, "b": 8},
            "showlegend": False,
            "hovermode": "closest",
            "xaxis": {
                **axis(),
                "showgrid": False,
                "side": "top",
                "tickmode": "array",
                "tickvals": list(range(last + 1)),
                "ticktext": [str(since) for since in range(last + 1)],
                "title": {"text": "Months since the first payment", "font": {"size": 11}},
            },
            "yaxis": {
                **axis(),
                "showgrid": False,
                "autorange": "reversed",
                "tickmode": "array",
                "tickvals": list(range(len(months))),
                "ticktext": [
                    f"{formats.month(cohort, selection.locale)} · {customers[cohort]}"
                    for cohort in months
                ],
            },
        },
    }


def _cohort_words(cell: Sequence[Any], selection: Selection) -> str:
    month = formats.month(cell[0], selection.locale)
    return (
        f"{month}, after {cell[1]} months<br>{_rate(cell[5], selection)} of MRR"
        f"<br>{cell[3]} of {cell[2]} customers ({_rate(cell[4], selection)})"
    )


def _rate(value: Decimal | None, selection: Selection) -> str:
    if value is None:
        return formats.NONE
    return formats.compact(
        value.quantize(Decimal("0.01")), Unit.RATE, selection.currency, selection.locale
    )


def _named(data: Data, series: Sequence[tuple[str, str]]) -> tuple[Unit, dict[str, str]]:
    """The unit that the columns share, and what they are called."""
    columns = {column.name: column for column in data.columns}
    return Unit(columns[series[0][0]].kind), {name: columns[name].label for name, _ in series}


def _cut(text: str) -> str:
    return text if len(text) <= 28 else f"{text[:27]}…"
