"""Which part of an account a sweep compares, when the whole would cost too many requests.

Pure arithmetic. The streams lie one after the other on a ring; a sweep goes on where the last one
ended, as far as its requests reach, so that after some sweeps all of it was compared.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlt_sources.stripe.events import pages_of
from dlt_sources.stripe.streams import Stream
from dlt_sources.stripe.windows import PAGE, Window


@dataclass(frozen=True)
class Part:
    """What is compared of one stream.

    Attributes:
        stream: The stream.
        window: The `created` times to list, None if it is not this stream's turn.
        resume_at: Where the next sweep goes on, unix seconds; None if this one reaches the end.
    """

    stream: Stream
    window: Window | None
    resume_at: int | None


def starting_point(
    streams: Sequence[Stream], positions: Mapping[str, int | None]
) -> tuple[int, int]:
    """Return where a sweep begins: the number of a stream, and a time within it.

    Args:
        streams: The ring.
        positions: `resume_at` of the last sweep; a stream in the midst of which it ended comes
            first, then the first that had no turn after one that had.
    """
    for number, stream in enumerate(streams):
        if positions.get(stream.name):
            return number, positions[stream.name] or 0
    for number, stream in enumerate(streams):
        before = streams[number - 1].name
        if positions.get(stream.name) == 0 and positions.get(before, 0) is None:
            return number, 0
    return 0, 0


def plan_sweep(
    streams: Sequence[Stream],
    created: Mapping[str, Sequence[int]],
    whole: Mapping[str, Window],
    *,
    positions: Mapping[str, int | None],
    most_requests: int | None,
) -> list[Part]:
    """Return each stream's part, in the order of `streams`.

    Args:
        streams: The ring.
        created: By stream, `created` of its stored objects within `whole`, ascending.
        whole: By stream, the window that is all of it.
        positions: `resume_at` of the last sweep, by stream.
        most_requests: Requests that the lists may cost; None means no limit. At least one page
            is always read, or nothing would ever be compared.
    """
    costs = {stream.name: _cost(stream, len(created[stream.name])) for stream in streams}
    if most_requests is None or sum(costs.values()) <= most_requests:
        return [Part(stream, whole[stream.name], None) for stream in streams]
    left = max(1, most_requests)
    start, at = starting_point(streams, positions)
    parts: dict[str, Part] = {}
    for turn in range(len(streams)):
        stream = streams[(start + turn) % len(streams)]
        window = whole[stream.name]
        low = max(window.gte, at) if turn == 0 else window.gte
        first = bisect_left(created[stream.name], low)
        ahead = created[stream.name][first:]
        cost = _cost(stream, len(ahead))
        if cost <= left:
            parts[stream.name] = Part(stream, Window(low, window.lt), None)
            left -= cost
            continue
        end = _end_of(ahead, left * PAGE)
        left = 0
        if end is None:
            parts[stream.name] = Part(stream, None, low if low > window.gte else 0)
        elif end >= window.lt:
            parts[stream.name] = Part(stream, Window(low, window.lt), None)
        else:
            parts[stream.name] = Part(stream, Window(low, end), end)
    return [parts[stream.name] for stream in streams]


def _cost(stream: Stream, objects: int) -> int:
    return max(1, pages_of(stream, objects))


def _end_of(created: Sequence[int], most: int) -> int | None:
    """Return a time before which about `most` of the objects lie, a whole second at least."""
    if not most or not len(created):
        return None
    return created[min(most, len(created)) - 1] + 1
