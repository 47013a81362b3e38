"""`dashtray doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

from sqlalchemy import text

from connections.accounts import list_accounts
from connections.errors import DashtrayError
from connections.models import AccountStatus
from connections.postgres import open_database
from connections.settings import Settings
from connections.vault import open_vault

Finding = dict[str, str]

_TIMEOUT_SECONDS = 10
_LOW_DISK_BYTES = 2 * 2**30


def examine() -> list[Finding]:
    """Run every check.

    Returns:
        One finding per check: `check`, `state` (ok, warn or fail) and `detail`.
    """
    try:
        settings = Settings.from_environment()
    except DashtrayError as error:
        return [_finding("settings", "fail", str(error))]
    findings = [_finding("settings", "ok", f"home is {settings.home}")]
    for name, check in _CHECKS.items():
        try:
            findings += [_finding(name, state, detail) for state, detail in check(settings)]
        except DashtrayError as error:
            findings.append(_finding(name, "fail", str(error)))
    return findings


def _finding(check: str, state: str, detail: str) -> Finding:
    return {"check": check, "state": state, "detail": " ".join(detail.split())}


def _postgres(settings: Settings) -> Iterator[tuple[str, str]]:
    with open_database(settings) as engine, engine.connect() as connection:
        version: str = connection.execute(text("show server_version")).scalar_one()
        kind = "DATABASE_URL" if settings.database_url else "embedded"
        yield "ok", f"{kind}, version {version}, migrated"


def _encryption_key(settings: Settings) -> Iterator[tuple[str, str]]:
    with open_database(settings) as engine:
        open_vault(settings, engine)
        yield "ok", "the key opens the stored credentials"


def _accounts(settings: Settings) -> Iterator[tuple[str, str]]:
    with open_database(settings) as engine:
        accounts = list_accounts(engine)
    connected = [a for a in accounts if a.status is AccountStatus.CONNECTED]
    yield "ok", f"{len(connected)} connected, {len(accounts) - len(connected)} not"
    for account in accounts:
        if account.last_error:
            yield "warn", f"{account.account_id}: {account.last_error}"


def _warehouse(settings: Settings) -> Iterator[tuple[str, str]]:
    warehouse, marts = settings.warehouse_path, settings.published_dir / "marts.duckdb"
    if not marts.exists():
        yield "warn", "nothing is published yet; run a sync"
        return
    sizes = [f"{path.name} {path.stat().st_size / 2**20:,.1f} MiB" for path in (warehouse, marts)]
    yield "ok", ", ".join(sizes)


def _stripe(settings: Settings) -> Iterator[tuple[str, str]]:
    try:
        # Any answer will do, even a refusal: nobody's key is sent.
        with urllib.request.urlopen(  # noqa: S310 - settings admit only https and loopback
            settings.stripe_api_base, timeout=_TIMEOUT_SECONDS
        ):
            pass
    except urllib.error.HTTPError:
        pass
    except OSError as error:
        yield "fail", f"{settings.stripe_api_base} cannot be reached: {error}"
        return
    yield "ok", f"{settings.stripe_api_base} answers"


def _disk(settings: Settings) -> Iterator[tuple[str, str]]:
    free = shutil.disk_usage(settings.home).free
    state = "ok" if free > _LOW_DISK_BYTES else "warn"
    yield state, f"{free / 2**30:,.1f} GiB free under {settings.home}"


_CHECKS: dict[str, Callable[[Settings], Iterator[tuple[str, str]]]] = {
    "Postgres": _postgres,
    "encryption key": _encryption_key,
    "accounts": _accounts,
    "warehouse": _warehouse,
    "Stripe": _stripe,
    "disk": _disk,
}
