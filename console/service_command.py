"""`dashtray up`: Postgres, then Dagster, until Ctrl-C."""

from __future__ import annotations

from functools import partial

from connections.postgres import open_database, open_postgres
from connections.settings import Settings, is_loopback_host
from connections.vault import open_vault
from connections.web_settings import WebSettings
from console import dagster_home, leftovers, service
from console.output import err
from console.supervisor import Supervisor


def up(host: str, port: int, web_port: int, dagster_host: str) -> None:
    """Run the service in the foreground.

    Args:
        host: Address of the console.
        port: Port of the Dagster UI.
        web_port: Port of the console.
        dagster_host: Address of the Dagster UI, which has no login.

    Raises:
        DashtrayError: A setting is wrong, others could reach the console without a login, a port
            is taken, the service runs already, Postgres cannot be reached, or a process ended
            again and again.
    """
    settings, web_settings = Settings.from_environment(), WebSettings.from_environment()
    web_settings.check_address(host)
    at = service.Addresses(host, web_port, dagster_host, port, web_settings.dagster_url)
    with leftovers.only_service(settings):
        service.check_port(dagster_host, port)
        service.check_port(host, web_port, "--web-port")
        with open_postgres(settings) as database_url:
            with open_database(settings) as engine:
                # A wrong key must be found now, not by the first sync.
                open_vault(settings, engine)
            dagster_home.apply(dagster_home.dagster_environment(settings, database_url))
            console = web_settings.url or f"http://{host}:{web_port}"
            err.print(
                f"The console will be at [bold]{console}[/], the Dagster UI at "
                f"[bold]http://{dagster_host}:{port}[/]; Ctrl-C stops it all."
            )
            if not is_loopback_host(dagster_host):
                err.print(
                    f"[bold]The Dagster UI has no login[/]: whoever reaches {dagster_host}:{port} "
                    "sees every account and can run any code as this user. See docs/proxy.md for "
                    "how to put it behind the console's login."
                )
            supervisor = Supervisor(
                service.children(settings, at),
                keepers=service.keepers(settings),
                on_started=partial(leftovers.remember, settings),
            )
            supervisor.run(service.drainer(settings, supervisor), drain_after="daemon")
