"""A metric as a card: the number, its change against the former period, its course."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from console.web.numbers import formats, sparkline
from console.web.numbers.data import Column, Data, Shown
from console.web.numbers.definitions import definitions
from console.web.numbers.formats import Number
from console.web.numbers.metrics import Across, Good, Metric, Over, Unit
from console.web.numbers.published import Reader
from console.web.numbers.queries import Period, known_span, series, total
from console.web.numbers.selection import Selection


@dataclass(frozen=True, slots=True)
class Card:
    """A metric, ready to be shown.

    Attributes:
        metric: Its entry.
        value: The number in short.
        exact: The number in full, for the title.
        missing: Why there is no number; None where there is one.
        change: How far it moved, signed; None where that cannot be said.
        change_words: The same in words, for screen readers.
        no_change: Why there is no change; None where there is one.
        tone: `good`, `bad` or `flat`.
        arrow: ↑, ↓ or →.
        former: The former number in full.
        former_short: The former number in short.
        estimated: Whether it rests, in part, on estimated history.
        estimated_words: How much of it, in words.
        spark: The course as SVG.
        when: What moment or days the number is of.
        summary: The definition's first paragraph.
    """

    metric: Metric
    value: str
    exact: str
    missing: str | None
    change: str | None
    change_words: str | None
    no_change: str | None
    tone: str
    arrow: str
    former: str
    former_short: str
    estimated: bool
    estimated_words: str | None
    spark: Markup
    when: str
    summary: str


def read(reader: Reader, selection: Selection, metric: Metric) -> Data:
    """A metric's course, its number and the former one."""
    points = series(reader, selection, selection.span)
    former = selection.former
    return Data(
        columns=(
            Column("period", "Period", Shown.DAY),
            Column(metric.name, metric.label, metric.unit),
            Column("is_estimated", "Estimated", Shown.FLAG),
        ),
        rows=[
            (point.starts, point.values[metric.name], point.is_estimated(metric))
            for point in points
        ],
        facts={
            "now": total(reader, selection, selection.span),
            "former": (
                total(reader, selection, former)
                if former and known_span(selection.reach, metric, former)
                else None
            ),
        },
        empty=_nothing(selection),
    )


def draw(data: Data, selection: Selection, metric: Metric) -> Card:
    """Make a card of what `read` answered."""
    now: Period | None = data.facts["now"]
    former: Period | None = data.facts["former"]
    value = now.values[metric.name] if now else None
    before = former.values[metric.name] if former else None
    currency, locale = selection.currency, selection.locale
    estimated = now is not None and now.is_estimated(metric) and value is not None
    movement = _movement(metric, value, before, selection)
    return Card(
        metric=metric,
        value=formats.short(value, metric.unit, currency, locale),
        exact=formats.full(value, metric.unit, currency, locale),
        missing=_missing(metric, now, value, data, selection),
        change=movement.text if movement else None,
        change_words=movement.words if movement else None,
        no_change=None if movement or value is None else _no_change(selection, metric, before),
        tone=movement.tone if movement else "flat",
        arrow=movement.arrow if movement else "",
        former=formats.full(before, metric.unit, currency, locale),
        former_short=formats.short(before, metric.unit, currency, locale),
        estimated=estimated,
        estimated_words=_estimated_words(metric, now, selection) if now and estimated else None,
        spark=sparkline.draw(data.column(metric.name), data.column("is_estimated")),
        when=_when(metric, selection),
        summary=definitions()[metric.name].summary,
    )


@dataclass(frozen=True, slots=True)
class _Movement:
    text: str
    words: str
    tone: str
    arrow: str


def _movement(
    metric: Metric, value: Number | None, before: Number | None, selection: Selection
) -> _Movement | None:
    if value is None or before is None:
        return None
    text = formats.change(value, before, metric.unit, selection.locale)
    former = formats.full(before, metric.unit, selection.currency, selection.locale)
    difference = Decimal(value) - Decimal(before)
    if not difference:
        return _Movement(text, f"unchanged from {former}", "flat", "→")
    up = difference > 0
    tone = "flat"
    if metric.good is not Good.NEITHER:
        tone = "good" if up == (metric.good is Good.UP) else "bad"
    words = f"{'up' if up else 'down'} by {text.lstrip('+' + chr(0x2212))} from {former}"
    return _Movement(text, words, tone, "↑" if up else "↓")


def _missing(
    metric: Metric, now: Period | None, value: Number | None, data: Data, selection: Selection
) -> str | None:
    if value is not None:
        return None
    if now is None:
        return data.empty
    if selection.is_reporting and (why := not_together(metric, now)):
        return why
    return f"No number: {metric.when_null}."


def not_together(metric: Metric, now: Period) -> str | None:
    """Why there is no number in the reporting currency, if that is the reason."""
    if metric.across is Across.APART:
        return "Told for one currency at a time."
    if metric.across is Across.CONVERTED and now.missing_rates:
        return f"No exchange rate for {', '.join(now.missing_rates).upper()} on some day."
    return None


def _nothing(selection: Selection) -> str:
    first = formats.day(selection.reach.first_day, selection.locale)
    return f"No days of this period are imported. The history begins on {first}."


def _no_change(selection: Selection, metric: Metric, before: Number | None) -> str:
    former = selection.former
    if former is None:
        return ""
    if not known_span(selection.reach, metric, former):
        return "The former period begins before the imported history."
    return "The former period has no number." if before is None else ""


def _estimated_words(metric: Metric, now: Period, selection: Selection) -> str:
    if selection.is_reporting:
        return "A part of it rests on estimated history."
    if metric.over is Over.CLOSE:
        share = formats.compact(
            now.estimated_share, Unit.RATE, selection.currency, selection.locale
        )
        return f"{share} of the MRR at this close rests on estimated history."
    return "Some days of this period rest on estimated history."


def _when(metric: Metric, selection: Selection) -> str:
    last = formats.day(selection.span.last, selection.locale)
    if metric.over is Over.CLOSE:
        return "Now" if selection.span.last == selection.reach.today else f"At the close of {last}"
    first = formats.day(selection.span.first, selection.locale)
    return f"Before {first}" if metric.over is Over.OPEN else f"{first} to {last}"
