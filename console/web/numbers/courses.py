"""Metrics by the selection's grain, as several series of one chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from console.web.numbers import formats
from console.web.numbers.data import Column, Data, Shown
from console.web.numbers.metrics import get_metric
from console.web.numbers.published import Reader
from console.web.numbers.queries import known_span, series, total
from console.web.numbers.selection import Selection

Query = Callable[[Reader, Selection], Data]

MOVEMENTS = ("mrr_new", "mrr_reactivation", "mrr_expansion", "mrr_contraction", "mrr_churn")


def course(*names: str) -> Query:
    """A query of these metrics by period, with whether the first of them is estimated.

    Args:
        names: Metrics.
    """
    metrics = [get_metric(name) for name in names]

    def read(reader: Reader, selection: Selection) -> Data:
        points = series(reader, selection, selection.span)
        return Data(
            columns=(
                Column("period", "Period", Shown.DAY),
                *(Column(metric.name, metric.label, metric.unit) for metric in metrics),
                Column("is_estimated", "Estimated", Shown.FLAG),
            ),
            rows=[
                (
                    point.starts,
                    *(point.values[metric.name] for metric in metrics),
                    point.is_estimated(metrics[0]),
                )
                for point in points
            ],
            facts={"days": [point.days for point in points]},
            empty=_nothing(selection, names),
        )

    return read


def mrr(reader: Reader, selection: Selection) -> Data:
    """MRR by period, beside that of the former one, period by period."""
    data = course("mrr")(reader, selection)
    former = selection.former
    if former is None or not known_span(selection.reach, get_metric("mrr_new"), former):
        return data
    before = [point.values["mrr"] for point in series(reader, selection, former)]
    padded = [*before, *[None] * len(data.rows)]
    return Data(
        columns=(*data.columns, Column("former_mrr", "Former period", data.columns[1].kind)),
        rows=[(*row, padded[place]) for place, row in enumerate(data.rows)],
        facts=data.facts,
        empty=data.empty,
    )


def waterfall(reader: Reader, selection: Selection) -> Data:
    """From the MRR before the range to that at its close, movement by movement."""
    whole = total(reader, selection, selection.span)
    names = ("mrr_opening", *MOVEMENTS, "mrr")
    labels = {"mrr_opening": "Opening", "mrr": "Closing"}
    kind = get_metric("mrr").unit
    return Data(
        columns=(
            Column("step", "Step", Shown.TEXT),
            Column("label", "Movement", Shown.TEXT),
            Column("amount", "Amount", kind),
            Column("is_estimated", "Estimated", Shown.FLAG),
        ),
        rows=[
            (
                name,
                labels.get(name) or get_metric(name).label.removesuffix(" MRR"),
                whole.values[name],
                whole.is_estimated(get_metric(name)),
            )
            for name in names
        ]
        if whole
        else [],
        empty=_nothing(selection, names),
    )


def _nothing(selection: Selection, names: Sequence[str]) -> str:
    first = formats.day(selection.reach.first_day, selection.locale)
    return (
        f"No days of this period are imported, so {get_metric(names[0]).label} cannot be shown."
        f" The history begins on {first}."
    )
