"""What every page needs, made once per process and kept in the application's state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request
from fastapi.templating import Jinja2Templates
from sqlalchemy.engine import Engine

from connections.settings import Settings
from connections.vault import Vault
from connections.web_settings import WebSettings
from console.web.limiting import Limiter

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
        web_settings: How people reach the pages and log in.
        limiter: How often one client may try what can be guessed.
        is_closing: Whether the server is about to stop, so that what goes on for long ends.
    """

    settings: Settings
    engine: Engine
    vault: Vault
    templates: Jinja2Templates
    dagster_url: str | None
    web_settings: WebSettings = field(default_factory=WebSettings)
    limiter: Limiter = field(default_factory=Limiter)
    is_closing: Callable[[], bool] = lambda: False

    def address_of(self, request: Request, path: str) -> str:
        """A page's whole address, as Stripe or a provider must be told it."""
        return f"{self.web_settings.url or str(request.base_url).rstrip('/')}{path}"


def web_of(request: Request) -> Web:
    """The console's parts, as a dependency of routes."""
    web: Web = request.app.state.web
    return web


def home_mark(settings: Settings) -> str:
    """By what a command tells that the console on some port is that of its own home."""
    return hashlib.sha256(f"dashtray {settings.home}".encode()).hexdigest()[:16]
