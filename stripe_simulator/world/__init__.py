"""A seeded subscription business in virtual time, shown as Stripe would show it.

What belongs here: the world's rules and the rendering of its objects. What does not: HTTP
(``wire/``) and what the numbers are (``ledger/``), which reads this world's log of decisions.
"""

from stripe_simulator.world.world import World, build_world

__all__ = ["World", "build_world"]
