"""What the process asks of its memory. Nothing about Stripe belongs here."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

_M_MMAP_THRESHOLD = -3
"""`mallopt`'s name for it in glibc."""

LARGE = 128 * 1024
"""Bytes from which a block is a mapping of its own: a page of whole Stripe objects is 400 kB."""

MADE_BETWEEN = 50_000
"""Lists and dicts between two collections: a page of objects has some six thousand, and none of
them is in a cycle."""


def return_large_blocks() -> None:
    """Let freed pages of objects go back to the system at once, for the rest of the process.

    glibc raises this threshold by itself when a large block is freed, and from then on keeps such
    blocks in one heap per thread: forty threads that read pages kept 120 MB that nobody used. Where
    there is no `mallopt` nothing happens. Arrow's own allocator keeps a heap per thread too: 300 MB
    after 300,000 charges, of which nothing was in use; the system's serves it as well.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE)


@contextmanager
def short_collections() -> Iterator[None]:
    """Let the garbage collector look seldom, and only at what is made while the block lasts.

    Decoded pages make it look through everything once a second; with the modules of dlt and Arrow
    in it that stops all threads for a tenth of a second, and requests that were to go one after
    the other go at once and are refused.
    """
    frozen_before = gc.get_freeze_count() > 0
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(MADE_BETWEEN, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if not frozen_before:
            gc.unfreeze()
