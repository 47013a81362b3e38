"""The `dashtray` command: what it is called, what it takes, what it prints.

Each command parses its arguments, calls one function of another module, and shows the
result; those of two words are in `cli_groups`. Errors meant for people are printed in one
line, and the exit code is 1.
"""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from connections.errors import DashtrayError
from console.cli_groups import GROUPS
from console.cli_options import AccountArgument, FormatOption
from console.marts import Grain
from console.output import Format, err, out, show_rows

app = typer.Typer(
    help="Stripe metrics that are right to the cent. Start with: dashtray demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for name, group in GROUPS.items():
    app.add_typer(group, name=name, no_args_is_help=True)

ACCOUNT_COLUMNS = (
    "account_id",
    "name",
    "tier",
    "status",
    "connected_by",
    "last_success",
    "failures",
    "last_error",
    "history_days",
    "reads_this_month",
    "reads_30_days",
    "reads_allowed",
)


@app.command()
def accounts(form: FormatOption = Format.table) -> None:
    """List the connected accounts: tier, status, last sync, requests to Stripe."""
    from console import account_commands

    rows = account_commands.list_all()
    show_rows(rows, ACCOUNT_COLUMNS, form, empty="No account is connected. See: dashtray connect")


@app.command()
def connect(
    oauth: Annotated[
        bool, typer.Option("--oauth", help="Ask the account's owner on Stripe's own page.")
    ] = False,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Environment variable that holds a restricted key; only its name is stored.",
        ),
    ] = None,
    tier: Annotated[str | None, typer.Option(help="free, pro, scale or agency.")] = None,
    history_days: Annotated[
        str | None,
        typer.Option(
            metavar="N|all", help="Days of payment history to import. A new account's: 90."
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the OAuth callback on this machine.")] = 8000,
    account: Annotated[
        str | None,
        typer.Option(metavar="ACCT", help="With --oauth: reconnect this account, and no other."),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Connect a Stripe account, by OAuth or by a restricted key of your own."""
    from console import account_commands

    if oauth == (api_key_env is not None):
        raise UsageMistake("Choose one way to connect: --oauth, or --api-key-env NAME.")
    if account and not oauth:
        raise UsageMistake("--account goes with --oauth: a key says itself whose it is.")
    if oauth:
        row = account_commands.connect_by_oauth(tier, port, history_days, account)
    else:
        row = account_commands.connect_by_key(api_key_env or "", tier, history_days)
    if row is None:
        return
    show_rows([row], ACCOUNT_COLUMNS, form)
    if form is Format.table:
        err.print(f"Next: dashtray sync {row['account_id']} --here   (or let the service do it)")


@app.command()
def disconnect(
    account: AccountArgument,
    purge: Annotated[
        bool, typer.Option("--purge", help="Also erase everything that is stored of it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before purging.")] = False,
) -> None:
    """Withdraw our access at Stripe, delete the tokens, keep the data unless --purge is given."""
    from console import account_commands

    if not purge:
        remark = account_commands.disconnect(account)
        out.print(f"{account} is disconnected. Its data stay; its credentials are deleted.")
        if remark:
            out.print(remark)
        return
    if not yes:
        typer.confirm(
            f"Erase all data of {account}? They cannot be brought back but by a new import.",
            abort=True,
            err=True,
        )
    purged = account_commands.purge(account)
    out.print(
        f"{account} is disconnected and erased: {purged.warehouse_rows:,} rows of the warehouse, "
        f"{purged.postgres_rows:,} of Postgres."
    )
    for remark in purged.remarks:
        out.print(remark)


@app.command()
def tier(account: AccountArgument, name: Annotated[str, typer.Argument(metavar="TIER")]) -> None:
    """Move an account to another tier: free, pro, scale or agency."""
    from console import account_commands

    account_commands.set_tier(account, name)
    out.print(f"{account} is on tier {name} from the next tick on.")


@app.command()
def history(
    account: AccountArgument, days: Annotated[str, typer.Argument(metavar="N|all")]
) -> None:
    """Say how many days of payment history an account wants: a number, or all."""
    from console import account_commands

    out.print(account_commands.set_history(account, days))


@app.command()
def sync(
    account: Annotated[list[str] | None, typer.Argument(metavar="ACCT…")] = None,
    tier: Annotated[str | None, typer.Option(help="All accounts of this tier.")] = None,
    all_accounts: Annotated[bool, typer.Option("--all", help="All connected accounts.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Run in this process; needs no running service.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Ask for a sync now: of some accounts, of a tier, or of all."""
    from console import sync_commands

    if sum((bool(account), tier is not None, all_accounts)) != 1:
        raise UsageMistake("Say which accounts: ACCT…, or --tier T, or --all.")
    report = sync_commands.sync(account or [], tier, here)
    show_rows(report.rows, sync_commands.COLUMNS, form)
    if not report.success:
        raise typer.Exit(1)


@app.command()
def verify(
    account: Annotated[list[str] | None, typer.Argument(metavar="ACCT…")] = None,
    all_accounts: Annotated[bool, typer.Option("--all", help="All connected accounts.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair/--no-repair", help="Read again what differs, or only name it.")
    ] = True,
    form: FormatOption = Format.table,
) -> None:
    """Compare accounts with Stripe's lists, object for object; exit with 1 if drift remains."""
    from console import verify_commands

    if bool(account) == all_accounts:
        raise UsageMistake("Say which accounts: ACCT…, or --all.")
    report = verify_commands.verify(account or [], repair)
    show_rows(report.rows, verify_commands.COLUMNS, form)
    for sentence in [*report.differences, *report.summary]:
        err.print(sentence, markup=False, highlight=False)
    if report.drift_remains:
        raise typer.Exit(1)


@app.command()
def metrics(
    account: Annotated[str | None, typer.Option(metavar="ACCT")] = None,
    from_: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"])] = None,
    to: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"])] = None,
    grain: Annotated[Grain, typer.Option(help="One row per day or per month.")] = Grain.day,
    form: FormatOption = Format.table,
) -> None:
    """Print metrics from the published marts."""
    from console import metric_commands

    metric_commands.show(account, _day(from_), _day(to), grain, form)


@app.command()
def doctor(form: FormatOption = Format.table) -> None:
    """Check the installation: settings, Postgres, key, warehouse, Stripe, disk."""
    from console import doctor as doctor_module

    findings = doctor_module.examine()
    show_rows(findings, ("check", "state", "detail"), form)
    if any(finding["state"] == "fail" for finding in findings):
        raise typer.Exit(1)


@app.command()
def up(
    host: Annotated[
        str, typer.Option(help="Address of the console's pages; another needs a login.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    web_port: Annotated[int, typer.Option(help="Port of the console's pages.")] = 8000,
    dagster_host: Annotated[
        str, typer.Option(help="Address of the Dagster UI, which has no login: leave it.")
    ] = "127.0.0.1",
    only: Annotated[
        str | None,
        typer.Option(help="Only this part: code-server, webserver, daemon or console."),
    ] = None,
) -> None:
    """Run the service in the foreground: pages, Dagster's UI, schedules, sensors. Ctrl-C stops."""
    from console import service_command

    service_command.up(host, port, web_port, dagster_host, only)


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="File to make, or a directory.")],
    keep: Annotated[
        int | None, typer.Option(help="Of the directory's backups keep the newest so many.")
    ] = None,
) -> None:
    """Write warehouse and accounts, as of one moment, into one file; the service may run."""
    from console import backup_commands

    backup_commands.backup(target, keep)


@app.command()
def restore(
    source: Annotated[
        Path | None,
        typer.Argument(help="A backup, or a directory, whose newest is taken. None: finish."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the data that are there.")
    ] = False,
) -> None:
    """Put a backup in place of this home's warehouse and accounts; the service must not run."""
    from console import backup_commands

    backup_commands.restore(source, force)


@app.command()
def housekeeping(form: FormatOption = Format.table) -> None:
    """Remove what is old, as the service does once a day: dashtray doctor shows the sizes."""
    from console import housekeeping_command

    show_rows(housekeeping_command.keep_house(), ("part", "removed", "freed"), form)


@app.command()
def demo(
    preset: Annotated[
        str, typer.Option(help="The simulated business: demo (2,000 customers) or tiny (40).")
    ] = "demo",
) -> None:
    """Connect a simulated account, import 90 days, and compare every number with the truth."""
    from console.demo import run

    if not run(preset):
        raise typer.Exit(1)


@app.command()
def docs(
    output: Annotated[Path, typer.Option(help="Where to put the page.")] = Path("docs-site"),
) -> None:
    """Build the dbt docs site as one static page."""
    from console import docs_command

    out.print(f"Open {docs_command.build(output)} in a browser.")


class UsageMistake(DashtrayError):
    """The command's words do not fit together."""


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def main() -> None:
    """Run the command; print errors meant for people in one line and exit with 1."""
    try:
        app()
    except DashtrayError as error:
        err.print(f"[bold red]Error:[/] {_escape(str(error))}")
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("Interrupted.")
        sys.exit(130)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(" ".join(text.split()))


if __name__ == "__main__":
    main()
