"""`python -m console.web.server`: the console as one of the service's processes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

from connections.postgres import open_database
from connections.settings import Settings
from connections.vault import open_vault
from connections.web_settings import WebSettings
from console.web.app import create_app


def server_config(
    app: ASGIApp, proxies: Sequence[str] = (), *, host: str = "127.0.0.1", port: int = 0
) -> uvicorn.Config:
    """How our pages are served.

    Args:
        app: What answers.
        proxies: Addresses whose `X-Forwarded-…` headers are believed.
        host: Where to listen.
        port: Likewise.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        # It would show codes and states of OAuth.
        access_log=False,
        # By default every program of this machine would be believed.
        proxy_headers=bool(proxies),
        forwarded_allow_ips=",".join(proxies),
        server_header=False,
    )


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dagster-url", default=None)
    options = parser.parse_args()
    settings, web_settings = Settings.from_environment(), WebSettings.from_environment()
    web_settings.check_address(options.host)
    with open_database(settings) as engine:
        app = create_app(
            settings,
            engine,
            open_vault(settings, engine),
            dagster_url=options.dagster_url,
            web_settings=web_settings,
            is_closing=lambda: server.should_exit,
        )
        server = uvicorn.Server(
            server_config(app, web_settings.proxies, host=options.host, port=options.port)
        )
        server.run()
        if not server.started:
            sys.exit(1)


if __name__ == "__main__":
    main()
