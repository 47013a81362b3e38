"""How many accounts are named in one place of the UI. Nothing else belongs here."""

from collections.abc import Mapping

#: More would make the event too large to be read, and to be stored each time.
NAMED_AT_MOST = 50


def named(lines: Mapping[str, str]) -> dict[str, str]:
    """Return metadata that names accounts, each with a line about it; the first of many.

    Args:
        lines: Account id to one line for people.
    """
    shown = dict(list(lines.items())[:NAMED_AT_MOST])
    if len(lines) > len(shown):
        shown["and more"] = f"{len(lines) - len(shown)} further accounts"
    return shown
