"""Whatever happens in whatever order, the next undisturbed sync ends equal to Stripe.

The world advances, Stripe misbehaves more or less, the account is refused for a while, syncs and
loads are killed or left for later, and months pass without a sync.
"""

from pathlib import Path

import pytest

from tests.dlt_sources.schedules import follow_schedules

PER_WORLD = 25
WORLDS = 20


@pytest.mark.e2e
def test_a_few_schedules_end_equal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = follow_schedules(1, 6, tmp_path)
    assert counts["schedules"] == 6
    assert counts["kills"] > 0
    with capsys.disabled():
        print(f"\n{dict(counts)}")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 100 + WORLDS))
def test_many_schedules_end_equal(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 schedules in all, and about as many kills."""
    counts = follow_schedules(seed, PER_WORLD, tmp_path)
    assert counts["schedules"] == PER_WORLD
    assert counts["kills"] >= PER_WORLD * 0.4, "the kills must happen for this to mean anything"
    assert counts["faults"] > 0
    with capsys.disabled():
        print(f"\nworld {seed}: {dict(counts)}")
