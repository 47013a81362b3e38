"""Values and names as SQL writes them, where a statement takes no parameters (`attach`, `copy`)."""

from __future__ import annotations

from pathlib import Path


def literal(value: str | Path) -> str:
    """Return a text or a path as a string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return the name of a table, a schema or a column in quotes."""
    return '"' + name.replace('"', '""') + '"'
