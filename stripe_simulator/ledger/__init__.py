"""The truth about a world: its numbers, computed from its decisions.

What belongs here: exact arithmetic over `world.log`, with no look at Stripe's objects and no code
shared with the pipeline. What does not: how the world decides (``world/``).
"""

from stripe_simulator.ledger.daily import default_history_start, truth

__all__ = ["default_history_start", "truth"]
