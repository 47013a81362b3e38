"""How much of an account's payment history has been read, told by the time that it spans.

Stripe does not say how many objects a list has, but a list of the history is read over a known
span of time, so what is left of that span says how far it is. State lists have no such span.
"""

from __future__ import annotations

from collections.abc import Iterable

from dlt_sources.stripe.journal import Left, Part
from dlt_sources.stripe.streams import BY_NAME, Kind


class Remaining:
    """The spans that are still to be read, by stream. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._whole: dict[str, int] = {}
        self._left: dict[str, int] = {}

    def begin(self, left: Iterable[Left], span: int | None = None) -> None:
        """Take what is to be read.

        Args:
            left: The parts.
            span: Seconds that each list spans as a whole; None = nothing has been read of them yet.
        """
        parts = [each for each in left if _has_span(each)]
        self._whole = dict.fromkeys((each.stream for each in parts), 0)
        self.exchange((), parts)
        for stream in self._whole:
            variants = len(BY_NAME[stream].variants)
            self._whole[stream] = self._left[stream] if span is None else variants * span

    def exchange(self, done: Iterable[Left], left: Iterable[Left]) -> None:
        """Put other parts in the place of some."""
        for sign, parts in ((-1, done), (1, left)):
            for each in parts:
                if isinstance(each, Part) and each.stream in self._whole:
                    span = each.window.lt - each.window.gte
                    self._left[each.stream] = self._left.get(each.stream, 0) + sign * span

    def share_read(self, stream: str) -> float | None:
        """The share of a stream's history that has been read, 0 to 1; None = nobody can tell."""
        whole = self._whole.get(stream, 0)
        if whole <= 0:
            return None
        return min(1.0, max(0.0, 1 - self._left.get(stream, 0) / whole))


def _has_span(left: Left) -> bool:
    return isinstance(left, Part) and BY_NAME[left.stream].kind is Kind.HISTORY
