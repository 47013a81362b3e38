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


def accept_loss(key_id: str) -> list[str]:
    """Delete what only a lost key opens; return what that means, in sentences."""
    settings = Settings.from_environment()
    with open_database(settings) as engine:
        loss = rotation.accept_loss(engine, settings, key_id)
    said = [f"{loss.credentials} credentials that only the key {key_id} opened are deleted."]
    if loss.accounts:
        said.append(
            f"To be connected again, with their data kept: {', '.join(loss.accounts)}. "
            "Each by its owner: dashtray connect --oauth --account ACCT"
        )
    else:
        said.append("No account has to be connected again.")
    if loss.hash_key:
        said.append(
            "The key behind hashed personal data was among them. A fresh one is made at the next "
            "sync: what is hashed from then on does not match the hashes that are stored."
        )
    return said
