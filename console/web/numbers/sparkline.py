"""A line of a few pixels that shows a course, drawn on the server as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from console.web.numbers.formats import Number

WIDTH = 120
HEIGHT = 32
_EDGE = 2.5


def draw(values: Sequence[Number | None], estimated: Sequence[bool]) -> Markup:
    """Draw a series; estimated stretches are dashed, and NULL leaves a gap.

    The picture is decoration (`aria-hidden`): the number and its change stand beside it.

    Args:
        values: One per period, oldest first.
        estimated: Whether each rests on estimated history.
    """
    known = [float(value) for value in values if value is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(known), max(known)
    step = (WIDTH - 2 * _EDGE) / (len(values) - 1)

    def point(place: int) -> str | None:
        value = values[place]
        if value is None:
            return None
        # A flat line runs through the middle.
        share = (float(value) - low) / (high - low) if high > low else 0.5
        return f"{_EDGE + place * step:.1f},{HEIGHT - _EDGE - share * (HEIGHT - 2 * _EDGE):.1f}"

    points = [point(place) for place in range(len(values))]
    solid, dashed = _lines(points, estimated)
    shapes = [f'<path class="spark-line" d="{solid}"/>'] if solid else []
    if dashed:
        shapes.append(f'<path class="spark-line spark-estimated" d="{dashed}"/>')
    if None not in points:
        outline = "L".join(each for each in points if each)
        left, right = _EDGE, WIDTH - _EDGE
        shapes.insert(
            0, f'<path class="spark-fill" d="M{outline}L{right},{HEIGHT}L{left},{HEIGHT}Z"/>'
        )
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
        f' aria-hidden="true" focusable="false">{"".join(shapes)}</svg>'
    )


def _lines(points: Sequence[str | None], estimated: Sequence[bool]) -> tuple[str, str]:
    """The path of what is known and the path of what is estimated."""
    paths: dict[bool, list[str]] = {False: [], True: []}
    for place in range(1, len(points)):
        start, end = points[place - 1], points[place]
        if start is None or end is None:
            continue
        path = paths[estimated[place - 1] or estimated[place]]
        if not path or not path[-1].endswith(start):
            path.append(f"M{start}")
        path.append(f"L{end}")
    return "".join(paths[False]), "".join(paths[True])
