"""Sizes of files on the disk, for whoever reports or bounds them."""

from __future__ import annotations

import os
from pathlib import Path


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a directory; 0 if there is nothing.

    What cannot be entered (a server's files, as another user) or is gone meanwhile is left out.
    """
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_size
            except OSError:
                continue
    return total
