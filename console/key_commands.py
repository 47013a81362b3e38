"""`dashtray keys list | rotate | forget`: what they do."""

from __future__ import annotations

from typing import Any

from connections import rotation
from connections.postgres import open_database
from connections.settings import Settings
from console.output import err


def list_all() -> list[dict[str, Any]]:
    """Return each key's id, what it is used for, and how many credentials it encrypts."""
    settings = Settings.from_environment()
    with open_database(settings) as engine:
        return [
            {"key_id": use.key_id, "role": use.role, "credentials": use.credentials}
            for use in rotation.list_keys(engine, settings)
        ]


def rotate() -> tuple[str, int]:
    """Encrypt every credential anew; return the key that encrypts now, and how many there were."""
    settings = Settings.from_environment()
    with open_database(settings) as engine:
        return rotation.rotate(
            engine,
            settings,
            on_progress=lambda done: err.print(f"{done} credentials encrypted anew ..."),
        )


def forget() -> list[str]:
    """Remove unused keys from the key file; return their ids."""
    settings = Settings.from_environment()
    with open_database(settings) as engine:
        return rotation.forget_keys(engine, settings)
