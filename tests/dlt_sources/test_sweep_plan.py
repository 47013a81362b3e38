"""A sweep by parts comes round to everything, within its requests."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from dlt_sources.stripe.streams import BY_NAME
from dlt_sources.stripe.sweep_plan import plan_sweep
from dlt_sources.stripe.windows import PAGE, Window

RING = [BY_NAME[name] for name in ("charges", "customers", "prices")]
TIMES = st.lists(st.integers(1, 5000), max_size=900).map(sorted)


@given(st.tuples(TIMES, TIMES, TIMES), st.integers(1, 30))
def test_sweep_after_sweep_every_object_is_compared(
    times: tuple[list[int], list[int], list[int]], most: int
) -> None:
    created = {stream.name: each for stream, each in zip(RING, times, strict=True)}
    whole = {stream.name: Window(0, 5001) for stream in RING}
    seen: dict[str, set[int]] = {stream.name: set() for stream in RING}
    positions: dict[str, int | None] = {}
    for _ in range(100):
        parts = plan_sweep(RING, created, whole, positions=positions, most_requests=most)
        read = 0
        for part in parts:
            if part.window is not None:
                times_of = created[part.stream.name]
                low = bisect_left(times_of, part.window.gte)
                high = bisect_left(times_of, part.window.lt)
                seen[part.stream.name] |= set(times_of[low:high])
                read += high - low
        assert any(part.window for part in parts), "every sweep compares something"
        # A second that many objects share is not cut: with these times, a few at most.
        assert read <= (most + len(RING)) * PAGE + 900
        positions = {part.stream.name: part.resume_at for part in parts}
        if all(seen[name] == set(times_of) for name, times_of in created.items()):
            break
    assert seen == {name: set(times_of) for name, times_of in created.items()}


def test_without_a_limit_everything_is_compared_wherever_the_last_sweep_ended() -> None:
    created = {stream.name: [1, 2, 3] for stream in RING}
    whole = {stream.name: Window(0, 9) for stream in RING}
    for most in (None, 100):
        parts = plan_sweep(
            RING, created, whole, positions={"customers": 2, "prices": 0}, most_requests=most
        )
        assert [(part.window, part.resume_at) for part in parts] == [(Window(0, 9), None)] * 3


def test_a_sweep_goes_on_in_the_midst_of_a_stream_and_then_with_the_next() -> None:
    created = {stream.name: list(range(1, 1001)) for stream in RING}
    whole = {stream.name: Window(0, 2000) for stream in RING}

    def after(
        positions: dict[str, int | None],
    ) -> tuple[list[Window | None], dict[str, int | None]]:
        parts = plan_sweep(RING, created, whole, positions=positions, most_requests=6)
        return [part.window for part in parts], {part.stream.name: part.resume_at for part in parts}

    windows, positions = after({})
    assert windows == [Window(0, 601), None, None]
    assert positions == {"charges": 601, "customers": 0, "prices": 0}
    windows, positions = after(positions)
    assert windows == [Window(601, 2000), Window(0, 101), None]
    assert positions == {"charges": None, "customers": 101, "prices": 0}
    windows, positions = after(positions)
    assert windows == [None, Window(101, 701), None]
    assert positions == {"charges": 0, "customers": 701, "prices": 0}
