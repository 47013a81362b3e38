"""Sizes of files on the disk, for whoever reports or bounds them."""

from __future__ import annotations

import os
from pathlib import Path


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a directory; 0 if there is nothing.

    A file with several names below it counts once. What cannot be entered (a server's files, as
    another user) or is gone meanwhile is left out.
    """
    if path.is_file():
        return path.stat().st_size
    sizes: dict[tuple[int, int], int] = {}
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                found = (Path(folder) / name).lstat()
            except OSError:
                continue
            sizes[found.st_dev, found.st_ino] = found.st_size
    return sum(sizes.values())
