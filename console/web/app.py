"""The application: which parts of the console answer which addresses, and what guards them."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from sqlalchemy.engine import Engine

from connections.settings import Settings
from connections.vault import Vault
from connections.web_settings import WebSettings
from console.web.assets import FOLDERS, make_templates
from console.web.context import Web
from console.web.csrf import CsrfGuard, csrf_input, csrf_token
from console.web.guard import Guard
from console.web.headers import SecurityHeaders
from console.web.identity import Identity
from console.web.mistakes import handle_mistakes
from console.web.numbers.published import PublishedMarts
from console.web.numbers.templating import teach
from console.web.pages import (
    api,
    connect,
    dashboards,
    dbt_docs,
    embed,
    home,
    imports,
    integrations,
    login,
    oidc,
    payments,
    webhooks,
)
from console.web.problems import handle_problems

#: Every group of pages; a new one is one entry.
ROUTERS = (
    home.router,
    integrations.router,
    imports.router,
    payments.router,
    dashboards.router,
    api.router,
    embed.router,
    dbt_docs.router,
    login.router,
    oidc.router,
    connect.router,
    webhooks.router,
)


def create_app(
    settings: Settings,
    engine: Engine,
    vault: Vault,
    *,
    dagster_url: str | None = None,
    web_settings: WebSettings | None = None,
    is_closing: Callable[[], bool] = lambda: False,
) -> FastAPI:
    """Make the console.

    Args:
        settings: The deployment's settings.
        engine: The `connections` database.
        vault: Where credentials are opened and sealed.
        dagster_url: Where the Dagster UI is; None = it is not running here.
        web_settings: How people reach the pages and log in; None = on loopback, without a login.
        is_closing: Whether the server is about to stop.
    """
    app = FastAPI(title="Dashtray Stripe", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.web = web = Web(
        settings=settings,
        engine=engine,
        vault=vault,
        templates=make_templates(),
        dagster_url=dagster_url,
        web_settings=web_settings or WebSettings(),
        is_closing=is_closing,
    )
    web.templates.env.globals |= {
        "csrf_input": csrf_input,
        "csrf_token": csrf_token,
        "login_demanded": web.web_settings.login_demanded,
    }
    app.state.marts = PublishedMarts(settings.published_dir / "marts.duckdb")
    teach(web.templates.env)
    for address, folder in FOLDERS.items():
        app.mount(address, StaticFiles(directory=folder), name=address.strip("/"))
    for router in ROUTERS:
        app.include_router(router)
    _guard(app, web)
    return app


def _guard(app: FastAPI, web: Web) -> None:
    """Put what every request must pass before the pages; the last one added comes first."""
    handle_mistakes(app, web)
    handle_problems(app)
    app.add_middleware(CsrfGuard, vault=web.vault)
    app.add_middleware(Identity, engine=web.engine, settings=web.web_settings)
    app.add_middleware(
        Guard,
        hosts=web.web_settings.hosts,
        scheme="https" if web.web_settings.secure else "http",
    )
    app.add_middleware(SecurityHeaders, secure=web.web_settings.secure)
