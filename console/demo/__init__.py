"""`dashtray demo`: a simulated Stripe account, from "Connect" to a published MRR.

The only part of the console that knows the simulator, and it knows it as another program:
it starts it, clicks its consent page, and at the end asks it for the truth.
"""

from console.demo.run import run

__all__ = ["run"]
