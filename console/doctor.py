"""`dashtray doctor`: what works here, what does not, and what to do about it.

The list of checks, and the short ones; the service's are in `doctor_service`, sizes in `disk_use`.
"""

from __future__ import annotations

import platform
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from importlib.metadata import version

from connections.accounts import list_accounts
from connections.errors import DashtrayError
from connections.models import AccountStatus
from connections.postgres import open_database
from connections.retention import RETENTIONS
from connections.settings import Settings
from connections.vault import open_vault
from connections.web_settings import WebSettings
from console import doctor_service
from console.disk_use import disk
from console.findings import FAIL, OK, WARN, Check, Said

Finding = dict[str, str]

_TIMEOUT_SECONDS = 10
#: Signatures of webhooks and the lifetime of tokens are judged by the clock.
_SKEW_SECONDS = 60
_PACKAGES = ("dashtray-stripe", "dagster", "dbt-core", "duckdb", "dlt")


def examine() -> list[Finding]:
    """Run every check.

    Returns:
        One finding per check: `check`, `state` (ok, warn or fail) and `detail`.
    """
    try:
        settings = Settings.from_environment()
    except DashtrayError as error:
        return [_finding("settings", FAIL, str(error))]
    findings = []
    for name, check in CHECKS.items():
        try:
            findings += [_finding(name, state, detail) for state, detail in check(settings)]
        except DashtrayError as error:
            findings.append(_finding(name, FAIL, str(error)))
    return findings


def _finding(check: str, state: str, detail: str) -> Finding:
    return {"check": check, "state": state, "detail": " ".join(detail.split())}


def _settings(settings: Settings) -> Said:
    yield OK, f"home is {settings.home}"
    for retention in RETENTIONS:
        retention.kept()
    web = WebSettings.from_environment()
    web.check_address("127.0.0.1")
    login = "people log in" if web.login_demanded else "no login, on this machine only"
    webhooks = "on" if web.webhook_secrets else "off (STRIPE_WEBHOOK_SECRET)"
    yield OK, f"console: {web.url or 'on loopback'}, {login}; webhooks: {webhooks}"


def _versions(_: Settings) -> Said:
    installed = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    yield OK, f"{installed}, Python {platform.python_version()}"


def _encryption_key(settings: Settings) -> Said:
    with open_database(settings) as engine:
        open_vault(settings, engine)
        yield OK, "the key opens the stored credentials; keep a copy, it is in no backup"


def _accounts(settings: Settings) -> Said:
    with open_database(settings) as engine:
        accounts = list_accounts(engine)
    connected = [a for a in accounts if a.status is AccountStatus.CONNECTED]
    yield OK, f"{len(connected)} connected, {len(accounts) - len(connected)} not"
    for account in accounts:
        if account.last_error:
            yield WARN, f"{account.account_id}: {account.last_error}"


def _stripe(settings: Settings) -> Said:
    headers: Message
    try:
        # Any answer will do, even a refusal: nobody's key is sent.
        with urllib.request.urlopen(  # noqa: S310 - settings admit only https and loopback
            settings.stripe_api_base, timeout=_TIMEOUT_SECONDS
        ) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as refusal:
        headers = refusal.headers
    except OSError as error:
        yield (
            FAIL,
            f"{settings.stripe_api_base} cannot be reached: {error}. Check the network, or "
            "STRIPE_API_BASE",
        )
        return
    yield OK, f"{settings.stripe_api_base} answers"
    skew = clock_skew(headers, datetime.now(UTC))
    if skew is not None and abs(skew) > _SKEW_SECONDS:
        yield WARN, f"this machine's clock is {skew:+.0f} s from Stripe's. Synchronise it (NTP)"
    elif skew is not None:
        yield OK, f"the clock is {skew:+.0f} s from Stripe's"


def clock_skew(headers: Mapping[str, str] | Message, now: datetime) -> float | None:
    """By how many seconds this machine's clock is ahead of an answer's; None if it has no time."""
    try:
        return (now - parsedate_to_datetime(headers["Date"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


CHECKS: dict[str, Check] = {
    "settings": _settings,
    "versions": _versions,
    "Postgres": doctor_service.postgres,
    "encryption key": _encryption_key,
    "accounts": _accounts,
    "service": doctor_service.service,
    "warehouse": doctor_service.warehouse,
    "Stripe": _stripe,
    "disk": disk,
}
