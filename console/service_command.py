"""`dashtray up`: Postgres, then Dagster, until Ctrl-C; or one part of it alone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

from connections.errors import SettingsError
from connections.postgres import open_database, open_postgres
from connections.service_lock import hold_part_lock
from connections.settings import Settings, is_loopback_host
from connections.vault import open_vault
from connections.web_settings import WebSettings
from console import dagster_home, leftovers, service
from console.output import err
from console.supervisor import Supervisor


def up(host: str, port: int, web_port: int, dagster_host: str, only: str | None = None) -> None:
    """Run the service in the foreground.

    Args:
        host: Address of the console.
        port: Port of the Dagster UI.
        web_port: Port of the console.
        dagster_host: Address of the Dagster UI, which has no login.
        only: The one part to run; the others run in containers of their own on the same home.

    Raises:
        DashtrayError: A setting is wrong, others could reach the console without a login, a port
            is taken, the service runs already, Postgres cannot be reached, or a process ended
            again and again.
    """
    settings, web_settings = Settings.from_environment(), WebSettings.from_environment()
    at = service.Addresses(host, web_port, dagster_host, port, web_settings.dagster_url)
    part = None if only is None else service.Part.named(only)
    if part in {None, service.Part.CONSOLE}:
        web_settings.check_address(host)
    with _place(settings, part):
        if part in {None, service.Part.WEBSERVER}:
            service.check_port(dagster_host, port)
        if part in {None, service.Part.CONSOLE}:
            service.check_port(host, web_port, "--web-port")
        with open_postgres(settings) as database_url:
            with open_database(settings) as engine:
                # A wrong key must be found now, not by the first sync.
                open_vault(settings, engine)
            dagster_home.apply(dagster_home.dagster_environment(settings, database_url))
            if part is None:
                console = web_settings.url or f"http://{host}:{web_port}"
                err.print(
                    f"The console will be at [bold]{console}[/], the Dagster UI at "
                    f"[bold]http://{dagster_host}:{port}[/]; Ctrl-C stops it all."
                )
            if part in {None, service.Part.WEBSERVER} and not is_loopback_host(dagster_host):
                err.print(
                    f"[bold]The Dagster UI has no login[/]: whoever reaches {dagster_host}:{port} "
                    "sees every account and can run any code as this user. See docs/proxy.md for "
                    "how to put it behind the console's login."
                )
            supervisor = Supervisor(
                [
                    child
                    for child in service.children(settings, at)
                    if part is None or child.name == part.child
                ],
                keepers=service.keepers(settings),
                # What is left in a container ends with it.
                on_started=partial(leftovers.remember, settings) if part is None else None,
            )
            # Runs are children of the code server.
            drains = part in {None, service.Part.CODE_SERVER}
            supervisor.run(
                service.drainer(settings, supervisor) if drains else None, drain_after="daemon"
            )


def _place(settings: Settings, part: service.Part | None) -> AbstractContextManager[None]:
    """Hold the place of the whole service, or of one part."""
    if part is None:
        return leftovers.only_service(settings)
    if settings.database_url is None:
        raise SettingsError(
            "--only needs DATABASE_URL: the parts of a service that is run in parts share one "
            "Postgres server, which must not end with one of them."
        )
    return hold_part_lock(settings, part)
