"""`dashtray accounts | connect | disconnect | tier`: what they do."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from connections import accounts as book
from connections.errors import UnknownAccountError
from connections.history import (
    history_days_in_words,
    parse_history_days,
    set_history_days,
)
from connections.models import Account
from connections.postgres import open_database
from connections.reads import Reads, reads_of
from connections.settings import Settings
from connections.vault import open_vault
from connections.web_settings import WebSettings
from console.jobs import find_job
from console.output import err
from console.web.paths import CONNECT_PATH


@dataclass(frozen=True)
class Purged:
    """What was erased, and what is left to people."""

    warehouse_rows: int
    postgres_rows: int
    remarks: list[str]


def as_row(account: Account, reads: Reads | None = None) -> dict[str, Any]:
    """Return what the command line shows of an account. It holds no credential.

    Args:
        account: The account.
        reads: Its requests to Stripe; None for an account that has just been connected.
    """
    return {
        "account_id": account.account_id,
        "name": account.display_name,
        "tier": account.tier,
        "status": account.status.value,
        "connected_by": (
            f"key in ${account.api_key_env}" if account.api_key_env else account.auth_kind.value
        ),
        "last_success": account.last_success_at,
        "failures": account.consecutive_failures,
        "last_error": account.last_error,
        "history_days": history_days_in_words(account),
        "reads_this_month": reads.in_month if reads else None,
        "reads_30_days": reads.in_30_days if reads else None,
        "reads_allowed": reads.allocation if reads else None,
    }


def list_all() -> list[dict[str, Any]]:
    """Return every account as a row."""
    with open_database(Settings.from_environment()) as engine:
        reads = reads_of(engine)
        return [
            as_row(account, reads.get(account.account_id)) for account in book.list_accounts(engine)
        ]


def connect_by_key(variable: str, tier: str | None, history_days: str | None) -> dict[str, Any]:
    """Connect the account whose restricted key is in an environment variable."""
    settings = Settings.from_environment()
    with open_database(settings) as engine:
        connected = book.connect_with_api_key_env(
            engine, settings, variable, tier=tier, history_days=history_days
        )
        return as_row(connected.account)


def connect_by_oauth(
    tier: str | None, port: int, history_days: str | None, expected: str | None
) -> dict[str, Any] | None:
    """Wait for a person to connect an account on Stripe's page; `expected`, if one is given.

    Returns:
        The account; None when the running service's pages do it, which have the port.
    """
    # It brings all of the pages, which the other commands do not need.
    from console import connecting

    settings = Settings.from_environment()
    if port and connecting.running_console(settings, port):
        base = WebSettings.from_environment().url or f"http://{connecting.HOST}:{port}"
        chosen = {"tier": tier, "history_days": history_days, "account": expected}
        query = urlencode({name: value for name, value in chosen.items() if value})
        err.print("The service is running: its pages connect the account. Open")
        err.print(f"[bold]{base}{CONNECT_PATH}{'?' if query else ''}{query}[/]")
        return None
    with open_database(settings) as engine:
        vault = open_vault(settings, engine)

        def invite(url: str) -> None:
            err.print(f"Open this page in a browser on this machine: [bold]{url}[/]")
            err.print("Waiting for you to approve or deny (Ctrl-C gives up) ...")

        connected = connecting.wait_for_connection(
            engine,
            settings,
            vault,
            port=port,
            tier=tier,
            history_days=history_days,
            expected_account=expected,
            invite=invite,
        )
        return as_row(connected.account)


def disconnect(account_id: str) -> str | None:
    """Deauthorise at Stripe and delete the tokens.

    Returns:
        What is left to do by hand at Stripe, if anything.
    """
    settings = Settings.from_environment()
    with open_database(settings) as engine:
        return book.disconnect(engine, settings, account_id).remark


def purge(account_id: str) -> Purged:
    """Disconnect an account if need be, and erase everything that is stored of it."""
    settings = Settings.from_environment()
    remarks: list[str] = []
    with open_database(settings) as engine:
        # Unknown, it may still have been left half erased.
        with suppress(UnknownAccountError):
            remark = book.disconnect(engine, settings, account_id).remark
            remarks += [remark] if remark else []
        # Held, so that the embedded server does not stop and start in between.
        erased = find_job("purge")(account_id, err.print)
    return Purged(erased.warehouse_rows, erased.postgres_rows, [*remarks, *erased.remarks])


def set_tier(account_id: str, tier: str) -> None:
    """Move an account to another tier."""
    with open_database(Settings.from_environment()) as engine:
        book.set_tier(engine, account_id, tier)


def set_history(account_id: str, days: str) -> str:
    """Say how many days of payment history an account wants.

    Returns:
        What follows from it, for people.
    """
    wanted = parse_history_days(days)
    with open_database(Settings.from_environment()) as engine:
        set_history_days(engine, account_id, wanted)
    return (
        "The next sync reads what is older than what is there; nothing that was read is taken away."
    )
