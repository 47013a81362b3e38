"""What every page needs, made once per process and kept in the application's state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request
from fastapi.templating import Jinja2Templates
from sqlalchemy.engine import Engine

from connections.settings import Settings
from connections.vault import Vault

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Web:
    """The parts of the running console.

    Attributes:
        settings: The deployment's settings.
        engine: The `connections` database.
        vault: Where credentials are opened and sealed.
        templates: The pages' templates.
        dagster_url: Where the Dagster UI is, for links to runs; None = it is not running here.
        is_closing: Whether the server is about to stop, so that what goes on for long ends.
    """

    settings: Settings
    engine: Engine
    vault: Vault
    templates: Jinja2Templates
    dagster_url: str | None
    is_closing: Callable[[], bool] = lambda: False


def web_of(request: Request) -> Web:
    """The console's parts, as a dependency of routes."""
    web: Web = request.app.state.web
    return web
