"""Values as SQL writes them, for statements that take no parameters (`attach`, `copy`, `set`)."""

from __future__ import annotations

from pathlib import Path


def literal(value: str | Path) -> str:
    """Return a text or a path as a string literal."""
    return "'" + str(value).replace("'", "''") + "'"
