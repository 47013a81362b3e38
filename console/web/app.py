"""The application: which parts of the console answer which addresses."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from sqlalchemy.engine import Engine

from connections.settings import Settings
from connections.vault import Vault
from console.web.context import HERE, Web
from console.web.numbers.published import PublishedMarts
from console.web.numbers.templating import teach
from console.web.pages import api, dbt_docs, embed, home, imports, integrations, payments
from console.web.problems import handle_problems

#: Every group of pages; a new one is one entry.
ROUTERS = (
    home.router,
    integrations.router,
    imports.router,
    payments.router,
    api.router,
    embed.router,
    dbt_docs.router,
)


def create_app(
    settings: Settings,
    engine: Engine,
    vault: Vault,
    *,
    dagster_url: str | None = None,
    is_closing: Callable[[], bool] = lambda: False,
) -> FastAPI:
    """Make the console.

    Args:
        settings: The deployment's settings.
        engine: The `connections` database.
        vault: Where credentials are opened and sealed.
        dagster_url: Where the Dagster UI is; None = it is not running here.
        is_closing: Whether the server is about to stop.
    """
    app = FastAPI(title="Dashtray Stripe", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.web = Web(
        settings=settings,
        engine=engine,
        vault=vault,
        templates=Jinja2Templates(HERE / "templates"),
        dagster_url=dagster_url,
        is_closing=is_closing,
    )
    app.state.marts = PublishedMarts(settings.published_dir / "marts.duckdb")
    handle_problems(app)
    teach(app.state.web.templates.env)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.mount("/library", StaticFiles(directory=_chart_library()), name="library")
    for router in ROUTERS:
        app.include_router(router)
    return app


def _chart_library() -> Path:
    """Where plotly.min.js lies: it comes with plotly's Python package, which is not imported."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise RuntimeError("plotly is not installed: run make setup")
    return Path(spec.origin).parent / "package_data"
