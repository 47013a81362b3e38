"""The simulated Stripe's face: everything between a socket and the object store.

What belongs here: HTTP, credentials, parameters, lists, expansion, errors, limits and faults. What
does not: which objects exist and what they contain (``stripe_simulator.world``).
"""
