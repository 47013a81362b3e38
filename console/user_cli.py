"""`dashtray users`: who may look at the console, and which accounts they see."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from connections.errors import DashtrayError
from console.output import Format, out, show_rows

app = typer.Typer(
    help="Who may look at the console, and which accounts they see.",
    no_args_is_help=True,
    add_completion=False,
)

NameArgument = Annotated[str, typer.Argument(help="The user's name.", metavar="NAME")]
COLUMNS = ("name", "sees", "logs_in_by", "last_login")


class ChooseWhatIsSeen(DashtrayError):
    """Neither accounts nor all of them were named, or both."""


@app.command()
def add(
    name: NameArgument,
    account: Annotated[
        list[str] | None, typer.Option(metavar="ACCT", help="An account they see; repeatable.")
    ] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="Sees all, connects and disconnects.")
    ] = False,
    email: Annotated[
        str | None, typer.Option(help="Their verified address at the OpenID provider.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Or their `sub` there.")] = None,
) -> None:
    """Add a user; without --email or --subject a login token is shown, once."""
    from connections import web_users
    from connections.postgres import open_database
    from connections.settings import Settings

    if operator == bool(account):
        raise ChooseWhatIsSeen("Say what they see: --account ACCT (repeatable), or --operator.")
    with open_database(Settings.from_environment()) as engine:
        web_users.add_user(
            engine,
            name,
            accounts=None if operator else account,
            email=email,
            subject=subject,
        )
        if email is None and subject is None:
            _show_token(engine, name)
            return
    out.print(f"{name} can log in with the provider.", markup=False)


@app.command("list")
def list_all(form: Annotated[Format, typer.Option("--format")] = Format.table) -> None:
    """List the users; never shows a token."""
    from connections import web_users
    from connections.postgres import open_database
    from connections.settings import Settings

    with open_database(Settings.from_environment()) as engine:
        users = web_users.list_users(engine)
    rows = [
        {
            "name": user.name,
            "sees": "all" if user.accounts is None else ", ".join(sorted(user.accounts)),
            "logs_in_by": ", ".join(
                way
                for way, there in (
                    ("token", user.has_token),
                    ("email", user.email is not None),
                    ("subject", user.subject is not None),
                )
                if there
            ),
            "last_login": user.last_login_at,
        }
        for user in users
    ]
    show_rows(rows, COLUMNS, form, empty="There are no users. See: dashtray users add")


@app.command()
def remove(name: NameArgument) -> None:
    """Remove a user; their sessions end at once."""
    from connections import web_users
    from connections.postgres import open_database
    from connections.settings import Settings

    with open_database(Settings.from_environment()) as engine:
        web_users.remove_user(engine, name)
    out.print(f"{name} is removed.", markup=False)


@app.command()
def token(name: NameArgument) -> None:
    """Make a new login token for a user, and end the sessions of the former one."""
    from connections.postgres import open_database
    from connections.settings import Settings

    with open_database(Settings.from_environment()) as engine:
        _show_token(engine, name)


def _show_token(engine: Any, name: str) -> None:
    from connections import web_users

    made = web_users.new_token(engine, name)
    out.print(f"{name}'s login token, shown this once:", markup=False)
    # The one place that shows it: whoever runs the command hands it on.
    print(made.reveal())
