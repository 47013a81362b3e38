"""Cutting and paging: every object of a list is read, whatever the density and the ties."""

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from dlt_sources.stripe.windows import MIN_SPAN, Window, continue_after, cut, remainder

windows = st.builds(
    lambda gte, span, after: Window(gte, gte + span, after),
    st.integers(0, 5_000),
    st.integers(1, 5_000),
    st.one_of(st.none(), st.just("ch_1")),
)


@given(windows, st.integers(1, 40), st.integers(0, 12_000))
def test_a_cut_covers_every_instant_exactly_once(window: Window, parts: int, floor: int) -> None:
    pieces = cut(window, parts, floor)
    assert 1 <= len(pieces) <= parts
    newest_first = [(piece.gte, piece.lt) for piece in pieces]
    assert newest_first[0][1] == window.lt
    assert newest_first[-1][0] == window.gte
    for (newer_gte, _), (_, older_lt) in itertools.pairwise(newest_first):
        assert newer_gte == older_lt, "half open: no instant in two parts, none between them"
    assert all(piece.lt > piece.gte for piece in pieces)


@given(windows, st.integers(1, 40), st.integers(0, 12_000))
def test_only_the_newest_part_inherits_starting_after(
    window: Window, parts: int, floor: int
) -> None:
    pieces = cut(window, parts, floor)
    assert pieces[0].starting_after == window.starting_after
    assert all(piece.starting_after is None for piece in pieces[1:])


def test_a_window_of_seconds_is_paged_and_not_cut() -> None:
    assert len(cut(Window(100, 100 + MIN_SPAN, "ch_1"), 8, 0)) == 1


def test_a_page_that_ends_inside_a_second_keeps_that_second() -> None:
    assert remainder(Window(0, 1_000), "ch_9", 500) == Window(0, 501, "ch_9")


class FakeList:
    """A list as Stripe serves it: newest first, ties in a fixed order that no id tells."""

    def __init__(self, created: list[int], page: int) -> None:
        self.page = page
        self.objects = sorted(
            ((second, f"o{i}") for i, second in enumerate(created)),
            key=lambda each: (-each[0], each[1]),
        )
        self.requests = 0

    def read(self, window: Window) -> tuple[list[tuple[int, str]], bool]:
        self.requests += 1
        found = self.objects
        if window.starting_after is not None:
            ids = [each[1] for each in found]
            found = found[ids.index(window.starting_after) + 1 :]
        found = [each for each in found if window.gte <= each[0] < window.lt]
        return found[: self.page], len(found) > self.page


def read_all(source: FakeList, window: Window, *, floor: int, idle: int) -> list[str]:
    read, todo = [], [window]
    while todo:
        current = todo.pop(0)
        page, has_more = source.read(current)
        read += [each[1] for each in page]
        if has_more:
            created, last = page[-1]
            todo += continue_after(current, last, created, floor=floor, idle=idle)
    return read


@given(
    st.lists(st.one_of(st.integers(0, 3_000), st.integers(2_900, 2_905)), max_size=120),
    st.integers(1, 7),
    st.integers(0, 8),
    st.sampled_from([0, 1_500, 2_990]),
)
@example([2_900] * 30, 4, 8, 0)
def test_paging_in_parts_reads_every_object_once(
    created: list[int], page: int, idle: int, floor: int
) -> None:
    source = FakeList(created, page)
    read = read_all(source, Window(0, 3_001), floor=floor, idle=idle)
    assert sorted(read) == sorted(each[1] for each in source.objects)


def test_parts_cost_few_requests_more_than_pages() -> None:
    source = FakeList(list(range(0, 2_000_000, 100)), 100)  # 20,000 objects, evenly spread
    read_all(source, Window(0, 2_000_001), floor=0, idle=11)
    assert source.requests <= 200 * 1.15
