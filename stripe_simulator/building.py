"""From the name of a preset to a world, its ledger and its objects.

What belongs here: the presets that are made of others. Everything is imported late: a world takes
a moment to import, and ``--help`` should not.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from stripe_simulator.copies import CopiedWorld, copied_truth
from stripe_simulator.store import ObjectStore

# Presets that are another one many times over: more than a million charges in 18 months.
COPIED_PRESETS = {"large": ("demo", 52)}

Truth = Callable[..., dict[Any, Any]]


def build(
    preset: str,
    seed: int,
    start: int,
    now: int,
    store: ObjectStore,
    copies: int = 1,
    copied_accounts: int | None = None,
    **rates: Any,
) -> tuple[Any, Truth]:
    """Build a world and find its ledger.

    Args:
        preset: A preset of the world's, or one of `COPIED_PRESETS`.
        seed: Decides everything that chance decides.
        start: Unix seconds of the first moment.
        now: Unix seconds of the virtual present.
        store: Gets every object.
        copies: How often each customer exists.
        copied_accounts: So many accounts, from the first, have copies; None means all.
        **rates: Rates that differ from the preset's.

    Returns:
        The world, and ``truth(world, account_id, first_day, last_day)``, which takes the ledger's
        ``first_sync`` too.

    Raises:
        ValueError: If the preset, a rate or that many copies cannot be.
    """
    from stripe_simulator.world import build_world

    def truth(world: Any, account_id: str, first: date, last: date, **known: Any) -> dict[Any, Any]:
        from stripe_simulator import ledger

        return ledger.truth(world, account_id, first, last, **known)

    base, times = COPIED_PRESETS.get(preset, (preset, 1))
    count = times * copies
    if count == 1:
        return build_world(base, seed, start, now, store, **rates), truth
    originals = ObjectStore()
    world = build_world(base, seed, start, now, originals, **rates)
    chosen = world.accounts[:copied_accounts]
    counts = dict.fromkeys((account.id for account in chosen), count)
    return CopiedWorld(world, originals, store, counts), copied_truth(truth)
