"""`dashtray up`: Postgres, then Dagster, until Ctrl-C."""

from __future__ import annotations

from functools import partial

from connections.postgres import open_database, open_postgres
from connections.settings import Settings
from connections.vault import open_vault
from console import dagster_home, leftovers, service
from console.output import err
from console.supervisor import Supervisor


def up(host: str, port: int, web_port: int) -> None:
    """Run the service in the foreground.

    Args:
        host: Address of the Dagster UI.
        port: Port of the Dagster UI.
        web_port: Port of the console, on the same address.

    Raises:
        DashtrayError: A setting is wrong, the port is taken, the service runs already, Postgres
            cannot be reached, or a process ended again and again.
    """
    settings = Settings.from_environment()
    with leftovers.only_service(settings):
        service.check_port(host, port)
        service.check_port(host, web_port, "--web-port")
        with open_postgres(settings) as database_url:
            with open_database(settings) as engine:
                # A wrong key must be found now, not by the first sync.
                open_vault(settings, engine)
            dagster_home.apply(dagster_home.dagster_environment(settings, database_url))
            err.print(
                f"The console will be at [bold]http://{host}:{web_port}[/], the Dagster UI at "
                f"[bold]http://{host}:{port}[/]; Ctrl-C stops it all."
            )
            supervisor = Supervisor(
                service.children(settings, host, port, web_port),
                keepers=service.keepers(settings),
                on_started=partial(leftovers.remember, settings),
            )
            supervisor.run(service.drainer(settings, supervisor), drain_after="daemon")
