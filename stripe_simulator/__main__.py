"""The command line: ``python -m stripe_simulator``.

What belongs here: options, start, the ready file, signals, stop.
"""

import asyncio
import gc
import json
import os
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from stripe_simulator.building import build
from stripe_simulator.server import ALL_PERMISSIONS, Options, Simulator, machine_now
from stripe_simulator.store import ObjectStore
from stripe_simulator.wire.clock import VirtualClock
from stripe_simulator.wire.faults import Latency
from stripe_simulator.wire.http import loopback_socket, serve

DAY = 86_400
DEFAULT_HISTORY_DAYS = 548


class LimitMode(StrEnum):
    """The choices of ``--limits``."""

    LIVE = "live"
    SANDBOX = "sandbox"
    OFF = "off"


@dataclass(frozen=True)
class Panel:
    """A group of options in ``--help``."""

    title: str

    def option(self, *names: str, **settings: Any) -> Any:
        """An option of this group."""
        return typer.Option(*names, rich_help_panel=self.title, **settings)


app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


def moment(text: str, option: str) -> int:
    """An ISO date or time as unix seconds; without an offset it is UTC.

    Raises:
        typer.BadParameter: If it is neither.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{option} {text!r}: give a date or time such as 2026-11-01 or 2026-11-01T12:00:00Z"
        ) from error
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return int(parsed.timestamp())


async def run(
    simulator: Simulator, host: str, port: int, ready_file: Path | None, with_parent: bool
) -> None:
    """Listen, tell that we do, and serve until a signal comes or standard input ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if with_parent:
        loop.add_reader(sys.stdin.fileno(), _stop_at_end, sys.stdin.fileno(), stop)
    listener = loopback_socket(host, port)
    bound_host, bound_port = listener.getsockname()[:2]
    url = (
        f"http://[{bound_host}]:{bound_port}"
        if ":" in bound_host
        else (f"http://{bound_host}:{bound_port}")
    )
    serving = asyncio.create_task(serve(simulator.handle, listener, stop))
    sending = asyncio.create_task(simulator.webhooks.run(stop))
    await asyncio.sleep(0)
    announce(simulator.ready(url), ready_file)
    await serving
    await sending
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def _stop_at_end(descriptor: int, stop: asyncio.Event) -> None:
    """Stop once nobody can write to the pipe any more: whoever started this is gone."""
    if not os.read(descriptor, 4096):
        asyncio.get_running_loop().remove_reader(descriptor)
        stop.set()


def announce(ready: dict[str, Any], ready_file: Path | None) -> None:
    """Print where the server is, and put the ready file in place at one stroke."""
    typer.echo(f"Stripe simulator at {ready['url']}, {len(ready['accounts'])} account(s)")
    for account in ready["accounts"][:10]:
        typer.echo(f"  {account['account']}  {account['default_currency']}  {account['api_key']}")
    sys.stdout.flush()
    if ready_file is not None:
        aside = ready_file.with_name(ready_file.name + ".part")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(ready, file, indent=2)
        aside.replace(ready_file)


def rates(settings: list[str]) -> dict[str, Any]:
    """The values of ``--set name=value``: JSON where it parses, else text.

    Raises:
        typer.BadParameter: If one has no ``=``.
    """
    chosen: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise typer.BadParameter(f"--set {setting!r}: write name=value")
        try:
            chosen[name] = json.loads(value)
        except json.JSONDecodeError:
            chosen[name] = value
    return chosen


def dump_truth(path: Path, world: Any, truth: Any, start: int, now: int) -> None:
    """Write the ledger's numbers of every account and day, one JSON object a line."""
    first = datetime.fromtimestamp(start, UTC).date()
    last = datetime.fromtimestamp(now, UTC).date()
    with path.open("wb") as file:
        for account in world.accounts:
            for day, currencies in truth(world, account.id, first, last).items():
                line = {"account": account.id, "day": str(day), "currencies": currencies}
                file.write(orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE))


World = Panel("World")
Server = Panel("Server")
Trouble = Panel("Limits and faults")


@app.command(epilog="More under http://HOST:PORT/_simulator/ — see stripe_simulator/README.md.")
def main(
    preset: Annotated[
        str,
        World.option(help="Which business: demo, tiny, every-case, large or many-accounts."),
    ] = "demo",
    seed: Annotated[
        int, World.option(help="Same seed, preset and start: the same world, to the byte.")
    ] = 1,
    start: Annotated[
        str | None,
        World.option(metavar="ISO", help="When the business began. Default: 18 months ago."),
    ] = None,
    now: Annotated[
        str,
        World.option(
            metavar="ISO|real",
            help="The virtual present. A time stands still until POST /_simulator/advance; "
            "'real' follows the machine's clock.",
        ),
    ] = "real",
    settings: Annotated[
        list[str] | None,
        World.option(
            "--set", metavar="NAME=VALUE", help="Another rate of the preset, e.g. refund=0.1."
        ),
    ] = None,
    copies: Annotated[
        int, World.option(min=1, help="How often each customer exists; large is demo 52 times.")
    ] = 1,
    copied_accounts: Annotated[
        int | None,
        World.option(min=0, help="So many accounts have copies, the others none. None: all."),
    ] = None,
    truth_file: Annotated[
        Path | None,
        World.option(help="Write the true numbers of every day here (JSON lines) at the start."),
    ] = None,
    host: Annotated[
        str, Server.option(help="A loopback address; any other is refused.")
    ] = "127.0.0.1",
    port: Annotated[int, Server.option(help="0 takes a free port.")] = 0,
    ready_file: Annotated[
        Path | None,
        Server.option(help="Written once it answers: JSON with url, keys, accounts; mode 0600."),
    ] = None,
    exit_with_parent: Annotated[
        bool,
        Server.option(
            "--exit-with-parent",
            help="Also stop when standard input ends: a pipe that the parent holds, however the "
            "parent ends.",
        ),
    ] = False,
    redirect_uri: Annotated[
        list[str] | None,
        Server.option(help="A registered OAuth redirect URI. None: any loopback address."),
    ] = None,
    app_permission: Annotated[
        list[str] | None,
        Server.option(help="What the app's tokens may read, e.g. charge. None: everything."),
    ] = None,
    webhook_url: Annotated[
        str | None, Server.option(help="A loopback address that gets signed events.")
    ] = None,
    limits: Annotated[
        LimitMode, Trouble.option(help="Rate limits: Stripe's live or sandbox ones, or none.")
    ] = LimitMode.OFF,
    latency: Annotated[
        float, Trouble.option(min=0, metavar="MS", help="Median milliseconds of an answer.")
    ] = 0.0,
    storm: Annotated[
        float,
        Trouble.option(min=0, max=1, help="The chance that a request meets a random fault."),
    ] = 0.0,
    fault_seed: Annotated[int, Trouble.option(help="Repeats latency and random faults.")] = 1,
) -> None:
    """A Stripe to read from, on a loopback port, that knows the truth about its own numbers.

    Point a Stripe client at the printed address with a printed key:

        stripe.StripeClient(KEY, base_addresses={"api": URL, "connect": URL})

    The same world comes again from the same preset, seed and start.
    """
    frozen = None if now == "real" else moment(now, "--now")
    present = machine_now() if frozen is None else frozen
    default_start = (present - DEFAULT_HISTORY_DAYS * DAY) // DAY * DAY
    begin = default_start if start is None else moment(start, "--start")
    if begin > present:
        raise typer.BadParameter(f"--start {start} lies after the virtual present")
    unknown = sorted(set(app_permission or ()) - ALL_PERMISSIONS)
    if unknown:
        known = ", ".join(sorted(ALL_PERMISSIONS))
        raise typer.BadParameter(f"--app-permission {unknown[0]}: there is {known}")
    store = ObjectStore()
    try:
        world, truth = build(
            preset, seed, begin, present, store, copies, copied_accounts, **rates(settings or [])
        )
        options = Options(
            seed=str(seed),
            redirect_uris=redirect_uri or [],
            app_permissions=frozenset(app_permission or ALL_PERMISSIONS),
            limits=limits.value,
            latency=Latency(median_ms=latency),
            storm=storm,
            fault_seed=fault_seed,
            webhook_url=webhook_url,
        )
        simulator = Simulator(world, truth, store, VirtualClock(frozen), options)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if truth_file is not None:
        dump_truth(truth_file, world, truth, begin, present)
    # The world stays: the collector need not look through it again and again.
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run(simulator, host, port, ready_file, exit_with_parent))
    except (OSError, ValueError) as error:
        typer.echo(f"cannot listen on {host}:{port}: {error}", err=True)
        raise typer.Exit(1) from error


def _loop_factory() -> Any:
    """Uvloop where it is installed; asyncio's own loop otherwise."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    app()
