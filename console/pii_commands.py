"""`dashtray pii show | apply`: what they do."""

from __future__ import annotations

from typing import Any

from connections.settings import Settings
from console.jobs import find_job
from console.output import err


def show() -> list[dict[str, Any]]:
    """Return what becomes of each class of personal data."""
    modes = Settings.from_environment().pii.modes
    return [{"class": name, "mode": mode.value} for name, mode in modes.items()]


def apply() -> tuple[int, tuple[str, ...]]:
    """Apply the policy to what is stored; return rows changed, and classes that are gone."""
    applied = find_job("pii")(err.print)
    return applied.rows, applied.gone
