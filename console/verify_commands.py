"""`dashtray verify`: compare accounts with Stripe's lists, object for object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Engine

from connections.accounts import connected_accounts, get_account
from connections.errors import DashtrayError
from connections.models import SyncOutcome
from connections.postgres import open_database, open_postgres
from connections.requests import count_manual_sync
from connections.settings import Settings
from connections.sync_reports import syncs_of_run
from connections.verifications import AccountVerification, verifications_of_run
from console.jobs import verify_here
from console.progress import live_run

COLUMNS = (
    "account_id",
    "stream",
    "result",
    "missing",
    "gone",
    "changed",
    "repaired",
    "moving",
    "unchecked",
)


class NothingVerified(DashtrayError):
    """An account could not be compared."""


@dataclass(frozen=True)
class VerifyReport:
    """What a verification found.

    Attributes:
        rows: One per account and stream, as the command prints them.
        differences: One sentence per object that differed: its id and how, never what is in it.
        summary: One sentence per account.
        drift_remains: Whether something differs still.
    """

    rows: list[dict[str, Any]]
    differences: list[str]
    summary: list[str]
    drift_remains: bool


def verify(account_ids: Sequence[str], repair: bool) -> VerifyReport:
    """Compare accounts with Stripe's lists, in this process.

    Where an account's tier limits the syncs by hand, this is one of them.

    Args:
        account_ids: These accounts; every connected and imported one, if there are none.
        repair: Land what differs, build and publish.

    Raises:
        DashtrayError: An account does not exist, has used up its syncs by hand, or could not be
            read or compared.
    """
    settings = Settings.from_environment()
    with open_postgres(settings) as database_url, open_database(settings) as engine:
        chosen, refusals = _counted(engine, _chosen(engine, account_ids))
        if not chosen:
            raise NothingVerified(" ".join(refusals))
        with live_run(f"Verifying {len(chosen)} account(s)") as watch:
            result = verify_here(settings, database_url, chosen, repair=repair, watch=watch)
        found = verifications_of_run(engine, result.run_id)
        failures = refusals + _failures(engine, result.run_id, chosen, found, result.error)
    report = _report([found[each] for each in chosen if each in found])
    if failures or not result.success:
        named = " ".join(failures) or f"The run {result.run_id} failed: {result.error}"
        raise NothingVerified(named)
    return report


def _chosen(engine: Engine, account_ids: Sequence[str]) -> list[str]:
    if account_ids:
        accounts = [get_account(engine, account_id) for account_id in dict.fromkeys(account_ids)]
        for account in accounts:
            if account.first_import_finished_at is None:
                raise NothingVerified(
                    f"The account {account.account_id} has not been imported yet. Sync it first: "
                    f"dashtray sync {account.account_id} --here"
                )
    else:
        accounts = [
            each for each in connected_accounts(engine) if each.first_import_finished_at is not None
        ]
    if not accounts:
        raise NothingVerified("No account has been imported yet. See: dashtray sync --all --here")
    return [account.account_id for account in accounts]


def _counted(engine: Engine, account_ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those that may be synced by hand once more today, and why the others may not."""
    counted, refusals = [], []
    for account_id in account_ids:
        try:
            count_manual_sync(engine, account_id)
        except DashtrayError as error:
            refusals.append(str(error))
        else:
            counted.append(account_id)
    return counted, refusals


def _failures(
    engine: Engine,
    run_id: str,
    chosen: Sequence[str],
    found: dict[str, AccountVerification],
    error: str | None,
) -> list[str]:
    synced = {sync.account_id: sync for sync in syncs_of_run(engine, run_id)}
    failures = []
    for account_id in chosen:
        sync = synced.get(account_id)
        if sync is None:
            failures.append(f"{account_id}: left out: {error or 'another run has it, try again'}.")
        elif sync.outcome is not SyncOutcome.OK:
            failures.append(f"{account_id}: {sync.error or error}")
        elif account_id not in found:
            failures.append(
                f"{account_id}: all of it was read again after a gap; nothing was left to compare."
            )
    return failures


def _report(found: Sequence[AccountVerification]) -> VerifyReport:
    rows = [
        {
            "account_id": each.account_id,
            "stream": stream.stream,
            "result": f"{stream.equal:,} of {stream.compared:,} objects equal",
            "missing": stream.missing,
            "gone": stream.gone,
            "changed": stream.changed,
            "repaired": stream.repaired,
            "moving": stream.moving,
            "unchecked": stream.unchecked,
        }
        for each in found
        for stream in each.streams
    ]
    return VerifyReport(
        rows=rows,
        differences=[sentence for each in found for sentence in _differences(each)],
        summary=[_summary(each) for each in found],
        drift_remains=any(each.remaining for each in found),
    )


def _differences(found: AccountVerification) -> Iterator[str]:
    words = {
        "missing": "is missing here",
        "gone": "is gone there",
        "changed": "has changed",
    }
    for stream in found.streams:
        for each in stream.drift:
            fields = f" in {', '.join(each['fields'])}" if each["fields"] else ""
            yield f"{stream.stream} {each['id']} {words[each['kind']]}{fields}"
        unnamed = stream.found - len(stream.drift)
        if unnamed:
            yield f"{stream.stream}: {unnamed:,} more"


def _summary(found: AccountVerification) -> str:
    covered = f"{found.covered_percent} % of its objects were looked at"
    if not found.found:
        return f"{found.account_id} equals Stripe; {covered}."
    if not found.remaining:
        return f"{found.account_id} differed in {found.found:,} objects; all repaired; {covered}."
    return f"{found.account_id} differs in {found.remaining:,} objects; {covered}."
