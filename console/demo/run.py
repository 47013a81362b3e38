"""The demo's five steps."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import Engine

from connections.accounts import Connected
from connections.errors import DashtrayError
from connections.models import RequestKind
from connections.postgres import open_database, open_postgres
from connections.settings import Settings
from connections.vault import open_vault
from console import connecting, dagster_home
from console.demo import browser, comparison, simulator, summary
from console.jobs import HereResult, sync_here
from console.marts import Grain, read_metrics, read_reach
from console.output import err, out
from console.progress import live_run

#: Simulated worlds to choose from, and how they are introduced.
PRESETS = {
    "demo": "about 2,000 customers, 18 months of business",
    "tiny": "about 40 customers, 18 months of business",
}
#: Free: no schedule asks a simulator that is gone.
TIER = "free"
HISTORY = timedelta(days=548)


class DemoFailed(DashtrayError):
    """The import's run failed."""


@dataclass(frozen=True)
class World:
    """Which simulated world this deployment's demo shows.

    Kept in a file, so that the demo run again, tomorrow or after a kill, meets the same
    account with some more history, as a real one would be met.
    """

    start: datetime
    now: datetime


class UnknownPreset(DashtrayError):
    """There is no such simulated world."""


def run(preset: str = "demo") -> bool:
    """Run the demo.

    Args:
        preset: A key of `PRESETS`.

    Returns:
        Whether every published number equals the ledger's.

    Raises:
        DashtrayError: A step failed; the message says which and why.
    """
    if preset not in PRESETS:
        raise UnknownPreset(f"There is no demo {preset!r}. Choose one of: {', '.join(PRESETS)}.")
    settings = Settings.from_environment()
    world = _world(settings.home / f"demo-{preset}.json")
    _say(1, f"Starting the Stripe simulator ({PRESETS[preset]})")
    with simulator.running(preset, world.start, world.now) as stripe:
        os.environ.update(stripe.environment())
        settings = Settings.from_environment()
        _say(2, "Starting Postgres and Dagster")
        with open_postgres(settings) as database_url, open_database(settings) as engine:
            _warm_up(settings, database_url)
            _say(3, f"Connecting {stripe.account_id} by OAuth")
            connected = _connect(settings, engine, stripe)
            consent_ended = time.monotonic()
            _say(4, "Importing 90 days, building the models, publishing")
            result = _import(settings, database_url, connected)
            seconds = time.monotonic() - consent_ended
        _say(5, "Comparing every number with the simulator's ledger")
        equal = _compare(settings, stripe)
    _print_phases(result, seconds)
    _print_places(settings, stripe.account_id)
    return equal


def _world(path: Path) -> World:
    present = datetime.now(UTC).replace(microsecond=0)
    if path.exists():
        known = json.loads(path.read_text())
        start = datetime.fromisoformat(known["start"])
        # Its clock never goes back, whatever this machine's does.
        now = max(present, datetime.fromisoformat(known["now"]))
    else:
        start = (present - HISTORY).replace(hour=0, minute=0, second=0)
        now = present
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps({"start": start.isoformat(), "now": now.isoformat()}))
    aside.replace(path)
    return World(start, now)


def _warm_up(settings: Settings, database_url: str) -> None:
    """Load the code location, as a running service has it loaded before anybody connects."""
    dagster_home.apply(dagster_home.dagster_environment(settings, database_url))
    for job in entry_points(group="dashtray.jobs", name="warm_up"):
        job.load()()


def _connect(settings: Settings, engine: Engine, stripe: simulator.Simulator) -> Connected:
    clicks: list[threading.Thread] = []
    failures: list[DashtrayError] = []

    def click(url: str) -> None:
        def approve() -> None:
            try:
                browser.approve(url, stripe.account_id)
            except DashtrayError as error:
                failures.append(error)

        clicks.append(threading.Thread(target=approve))
        clicks[0].start()

    vault = open_vault(settings, engine)
    connected = connecting.wait_for_connection(
        engine, settings, vault, port=0, tier=TIER, invite=click
    )
    clicks[0].join()
    if failures:
        raise failures[0]
    return connected


def _import(settings: Settings, database_url: str, connected: Connected) -> HereResult:
    account = connected.account
    first = account.first_import_finished_at is None
    kind = RequestKind.FIRST_IMPORT if first else RequestKind.TICK
    with live_run("Importing" if first else "Syncing") as watch:
        result = sync_here(settings, database_url, [account.account_id], kind, watch=watch)
    if not result.success:
        raise DemoFailed(f"The run {result.run_id} failed: {result.error}")
    return result


def _compare(settings: Settings, stripe: simulator.Simulator) -> bool:
    compared = compare_published(settings, stripe)
    last = max(each.day for each in compared)
    # Wider than a narrow terminal if need be: a number may wrap, it must not be cut.
    wide = Console(width=max(out.width, summary.WIDTH))
    for table in summary.tables(compared, last):
        wide.print(table)
    different = [each for each in compared if each.wrong]
    for each in different[:20]:
        out.print(
            f"[red]DIFFERENT[/] {each.day} {each.currency} {each.metric}: "
            f"published {each.published}, truth {each.truth}"
        )
    days = len({each.day for each in compared})
    excused = sum(each.excusable and not each.equal for each in compared)
    verdict = "all equal" if not different else f"{len(different)} DIFFERENT"
    out.print(
        f"\n{len(compared) - excused:,} numbers of {days} days compared with the ledger: "
        f"[bold]{verdict}[/]. {excused:,} more are NULL or flagged as estimates: they rest on what "
        "happened before an import of 90 days can see."
    )
    return not different


def compare_published(
    settings: Settings, stripe: simulator.Simulator
) -> list[comparison.Comparison]:
    """Compare every published number of the simulated account with the ledger.

    Raises:
        NothingPublished: There is nothing to compare.
    """
    marts = settings.published_dir / "marts.duckdb"
    first_sync, history_start = read_reach(marts, stripe.account_id)
    _, rows = read_metrics(marts, Grain.day, stripe.account_id)
    days = [row["day"] for row in rows]
    truth = stripe.truth(stripe.account_id, min(days), max(days), first_sync, history_start)
    return list(comparison.compare(rows, truth, first_sync.date()))


def _print_phases(result: HereResult, seconds: float) -> None:
    table = Table(title="From the end of consent to published marts", box=None, pad_edge=False)
    for heading in ("phase", "seconds", "peak memory"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    phases = result.report.get("phases", [])
    for phase in phases:
        memory = f"{phase['peak_rss_bytes'] / 2**20:,.0f} MiB"
        table.add_row(phase["name"], f"{phase['seconds']:.1f}", memory)
    rest = seconds - sum(phase["seconds"] for phase in phases)
    table.add_row("Dagster around them", f"{rest:.1f}", "")
    table.add_row("[bold]total[/]", f"[bold]{seconds:.1f}[/]", "")
    out.print(table)


def _print_places(settings: Settings, account_id: str) -> None:
    out.print(f"\nThe account      {account_id}, in dashtray accounts")
    out.print(f"For BI tools     {settings.published_dir / 'marts.duckdb'}")
    where = settings.warehouse_path if settings.lake is None else settings.lake.data
    out.print(f"The warehouse    {where}")
    out.print(f"Everything else  {settings.home}")
    out.print("\nGo on: [bold]make up[/], then open http://127.0.0.1:8000 (the pages) and")
    out.print("       http://127.0.0.1:3000 (the Dagster UI); or, without them,")
    out.print(f"       .venv/bin/dashtray metrics --account {account_id}")


def _say(step: int, words: str) -> None:
    err.print(f"[bold]{step}/5[/] {words} ...")
