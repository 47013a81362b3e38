"""A read-side Stripe to try and to test against, with a ledger of the truth.

What belongs here: the object store, the world that fills it (``world``), the truth about that
world (``ledger``) and the HTTP server that serves it as Stripe would (``wire``). Nothing here
imports the pipeline that it is there to judge.
"""
