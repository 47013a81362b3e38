"""The commands of two words: `keys …`, `alerts …`, `pii …`, `rates …`, `users …`, `warehouse …`.

As in `cli`: each parses its arguments, calls one function of another module, shows the result.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console import user_cli
from console.cli_options import FormatOption
from console.output import Format, out, show_rows

keys = typer.Typer(help="The keys that encrypt stored credentials.")
alerts = typer.Typer(help="What is wrong, and who is told.")
pii = typer.Typer(help="What becomes of personal data (DASHTRAY_PII).")
rates = typer.Typer(help="Exchange rates for a reporting currency.")
warehouse = typer.Typer(help="Where the data are: a file, or a lake (DASHTRAY_WAREHOUSE).")

GROUPS = {
    "keys": keys,
    "alerts": alerts,
    "pii": pii,
    "rates": rates,
    "users": user_cli.app,
    "warehouse": warehouse,
}


@warehouse.callback()
def _warehouse() -> None:
    """A group also while it has one command."""


@warehouse.command("migrate")
def warehouse_migrate() -> None:
    """Move the warehouse file of this home into the lake; may be killed and run again."""
    from console import warehouse_commands

    warehouse_commands.migrate()


@keys.command("list")
def keys_list(form: FormatOption = Format.table) -> None:
    """List the keys of the ring by their ids; never shows a key."""
    from console import key_commands

    rows = key_commands.list_all()
    show_rows(rows, ("key_id", "role", "credentials"), form, empty="No key is there yet.")
    if any(row["role"] == "missing" for row in rows):
        raise typer.Exit(1)


@keys.command("rotate")
def keys_rotate() -> None:
    """Encrypt every credential under a new key, while the service runs."""
    from console import key_commands

    key_id, count = key_commands.rotate()
    out.print(f"{count} credentials were encrypted anew; the key {key_id} encrypts from now on.")
    out.print("Restart the service, then: dashtray keys forget")


@keys.command("forget")
def keys_forget(
    lost: Annotated[
        str | None,
        typer.Option(
            metavar="KEY_ID",
            help="Accept that this key is lost: what only it opens is deleted, and the accounts "
            "that need it must be connected again.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --lost: do not ask before.")] = False,
) -> None:
    """Remove keys that encrypt nothing any more from the key file under the home."""
    from console import key_commands

    if lost is None:
        removed = key_commands.forget()
        out.print(f"Removed: {', '.join(removed)}" if removed else "There is no unused key.")
        return
    if not yes:
        typer.confirm(
            f"Delete what only the key {lost} opens? Should the key be found again, only a backup "
            "made before still holds it.",
            abort=True,
            err=True,
        )
    for sentence in key_commands.accept_loss(lost):
        out.print(sentence)


@alerts.command("list")
def alerts_list(form: FormatOption = Format.table) -> None:
    """List what is wrong now, as the service saw it last."""
    from console import alert_commands

    rows = alert_commands.list_open()
    show_rows(rows, ("began_at", "told_at", "topic", "detail"), form, empty="Nothing is wrong.")


@alerts.command("test")
def alerts_test() -> None:
    """Send a message to DASHTRAY_ALERT_URL, to see that it arrives."""
    from console import alert_commands

    alert_commands.send_test()
    out.print("Sent. If nothing arrives, look at the receiving service.")


@pii.command("show")
def pii_show(form: FormatOption = Format.table) -> None:
    """Show for each class of personal data whether it is kept, hashed or dropped."""
    from console import pii_commands

    show_rows(pii_commands.show(), ("class", "mode"), form)


@pii.command("apply")
def pii_apply() -> None:
    """Apply the policy to what is stored already, and build the marts anew."""
    from console import pii_commands

    rows, gone = pii_commands.apply()
    out.print(f"{rows:,} stored objects were changed; the marts are built and published anew.")
    if gone:
        out.print(
            f"Of these only a new import brings back what is gone: {', '.join(gone)}. "
            "Disconnect the account with --purge and connect it again."
        )


@rates.command("import")
def import_rates(
    file: Annotated[
        Path, typer.Argument(help="CSV with date,from_currency,to_currency,rate.", metavar="FILE")
    ],
) -> None:
    """Check a file of dated rates and keep them; the same day and pair is replaced."""
    from connections.settings import Settings
    from console import exchange_rates

    done = exchange_rates.import_file(Settings.from_environment(), file)
    out.print(f"{done.added} rates added, {done.replaced} replaced in {done.path}")
    out.print("The next sync converts with them, if DASHTRAY_REPORTING_CURRENCY is set.")


@rates.command("list")
def list_rates(form: FormatOption = Format.table) -> None:
    """Show which pairs of currencies have rates, and from when to when."""
    from connections.settings import Settings
    from console import exchange_rates

    rows = exchange_rates.summary(Settings.from_environment())
    show_rows(rows, exchange_rates.SUMMARY, form, empty="There are no rates yet.")
