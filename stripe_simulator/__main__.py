"""The command line: ``python -m stripe_simulator``.

What belongs here: options, start, the ready file, signals, stop.
"""

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from stripe_simulator.server import Options, Simulator, machine_now
from stripe_simulator.store import ObjectStore
from stripe_simulator.wire.clock import VirtualClock
from stripe_simulator.wire.http import loopback_socket, serve

DAY = 86_400
DEFAULT_HISTORY_DAYS = 548

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


def build(
    preset: str, seed: int, start: int, now: int, store: ObjectStore, **params: Any
) -> tuple[Any, Any]:
    """The world and its ledger; both imported late, so that ``--help`` answers at once."""
    from stripe_simulator.world import build_world

    def truth(*question: Any) -> Any:
        from stripe_simulator import ledger

        return ledger.truth(*question)

    return build_world(preset, seed, start, now, store, **params), truth


async def run(simulator: Simulator, host: str, port: int, ready_file: Path | None) -> None:
    """Listen, tell that we do, and serve until a signal comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
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


@app.command()
def main(
    preset: Annotated[
        str, typer.Option(help="Which world: demo, tiny, every-case, large, many-accounts.")
    ] = "demo",
    seed: Annotated[
        int, typer.Option(help="The same seed, preset and start give the same world, to the byte.")
    ] = 1,
    start: Annotated[
        str | None,
        typer.Option(
            help="When the business began (ISO). Default: 18 months before now.", metavar="ISO"
        ),
    ] = None,
    now: Annotated[
        str,
        typer.Option(
            help="The virtual present: an ISO time freezes it (then only "
            "POST /_simulator/advance moves it); 'real' follows the machine's clock.",
            metavar="ISO|real",
        ),
    ] = "real",
    host: Annotated[
        str, typer.Option(help="A loopback address; any other is refused.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free port.")] = 0,
    ready_file: Annotated[
        Path | None,
        typer.Option(help="Written once the server answers: JSON with url, keys and accounts."),
    ] = None,
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(help="A registered OAuth redirect URI. None given: any loopback address."),
    ] = None,
) -> None:
    """A read-side Stripe on a loopback port: it knows the truth about its own numbers.

    Point a Stripe client at the printed address (`STRIPE_API_BASE`), with the printed key.
    """
    frozen = None if now == "real" else moment(now, "--now")
    present = machine_now() if frozen is None else frozen
    default_start = (present - DEFAULT_HISTORY_DAYS * DAY) // DAY * DAY
    begin = default_start if start is None else moment(start, "--start")
    if begin > present:
        raise typer.BadParameter(f"--start {start} lies after the virtual present")
    store = ObjectStore()
    try:
        world, truth = build(preset, seed, begin, present, store)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    options = Options(seed=str(seed), redirect_uris=redirect_uri or [])
    simulator = Simulator(world, truth, store, VirtualClock(frozen), options)
    try:
        runner = asyncio.Runner(loop_factory=_loop_factory())
        with runner:
            runner.run(run(simulator, host, port, ready_file))
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
