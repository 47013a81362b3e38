"""What the process asks of its memory allocator. Nothing about Stripe belongs here."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3
"""`mallopt`'s name for it in glibc."""

LARGE = 128 * 1024
"""Bytes from which a block is a mapping of its own: a page of whole Stripe objects is 400 kB."""


def return_large_blocks() -> None:
    """Let freed pages of objects go back to the system at once, for the rest of the process.

    glibc raises this threshold by itself when a large block is freed, and from then on keeps such
    blocks in one heap per thread: forty threads that read pages kept 120 MB that nobody used. Where
    there is no `mallopt` nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE)
