"""Metrics by the selection's grain, as several series of one chart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from console.web.numbers import formats
from console.web.numbers.data import Column, Data, Shown
from console.web.numbers.metrics import FX, METRICS, get_metric
from console.web.numbers.published import Reader
from console.web.numbers.queries import known_span, series, total
from console.web.numbers.selection import Selection

Query = Callable[[Reader, Selection], Data]

MOVEMENTS = ("mrr_new", "mrr_reactivation", "mrr_expansion", "mrr_contraction", "mrr_churn")


def course(*names: str, with_fx: bool = False) -> Query:
    """A query of these metrics by period, with whether the first of them is estimated.

    Args:
        names: Metrics.
        with_fx: Whether, in the reporting currency, what rates did is one of them.
    """
    known = [get_metric(name) for name in names]

    def read(reader: Reader, selection: Selection) -> Data:
        metrics = [*known, FX] if with_fx and selection.is_reporting else known
        points = series(reader, selection, selection.span)
        missing = {each for point in points for each in point.missing_rates}
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
            note=_without_rates(missing) if missing else None,
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
        note=data.note,
        empty=data.empty,
    )


def waterfall(reader: Reader, selection: Selection) -> Data:
    """From the MRR before the range to that at its close, movement by movement."""
    whole = total(reader, selection, selection.span)
    steps = [METRICS[name] for name in ("mrr_opening", *MOVEMENTS, "mrr")]
    if selection.is_reporting:
        steps.insert(-1, FX)
    # A step that nobody knows would make all the later ones wrong.
    known = whole is not None and all(whole.values[step.name] is not None for step in steps)
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
                step.name,
                labels.get(step.name) or step.label.removesuffix(" MRR"),
                whole.values[step.name],
                whole.is_estimated(step),
            )
            for step in steps
        ]
        if whole and known
        else [],
        empty=_without_rates(whole.missing_rates)
        if whole and whole.missing_rates
        else _nothing(selection, [step.name for step in steps]),
    )


def _without_rates(currencies: Iterable[str]) -> str:
    listed = ", ".join(each.upper() for each in sorted(currencies))
    return f"Days without an exchange rate for {listed} are left out: dashtray rates import."


def _nothing(selection: Selection, names: Sequence[str]) -> str:
    first = formats.day(selection.reach.first_day, selection.locale)
    return (
        f"No days of this period are imported, so {get_metric(names[0]).label} cannot be shown."
        f" The history begins on {first}."
    )
