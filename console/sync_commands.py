"""`dashtray sync`: ask for syncs, and with `--here` run them in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Engine

from connections.accounts import connected_accounts, get_account
from connections.errors import DashtrayError
from connections.models import Account, RequestKind, SyncOutcome
from connections.postgres import open_database, open_postgres
from connections.requests import Claim, claim_requests, request_sync
from connections.settings import Settings
from connections.sync_reports import syncs_of_run
from connections.tiers import get_tier
from console.jobs import HereResult, sync_here
from console.output import err
from console.progress import live_run

COLUMNS = ("account_id", "result", "rows", "requests", "detail")


@dataclass(frozen=True)
class SyncReport:
    """What became of each account, and whether all went well."""

    rows: list[dict[str, Any]]
    success: bool


def sync(account_ids: Sequence[str], tier: str | None, here: bool) -> SyncReport:
    """Ask for a sync of accounts.

    Args:
        account_ids: These accounts.
        tier: If there are none of those: all connected accounts of this tier; None means
            every connected account.
        here: Run it in this process, and wait for it.

    Returns:
        One row per account.

    Raises:
        DashtrayError: An account or a tier does not exist; nothing was asked for then.
    """
    settings = Settings.from_environment()
    with open_postgres(settings) as database_url, open_database(settings) as engine:
        chosen = _chosen(engine, account_ids, tier)
        refused = _request(engine, chosen)
        rows = [_row(account_id, "refused", detail) for account_id, detail in refused.items()]
        accepted = [a.account_id for a in chosen if a.account_id not in refused]
        if here:
            ran = _run_here(settings, database_url, engine, accepted)
            rows += ran
        else:
            rows += [
                _row(account_id, "queued", "the service starts it within seconds; dashtray up")
                for account_id in accepted
            ]
    return SyncReport(rows, all(row["result"] in {"ok", "queued"} for row in rows))


def _chosen(engine: Engine, account_ids: Sequence[str], tier: str | None) -> list[Account]:
    if account_ids:
        # Each must exist before anything is asked for.
        return [get_account(engine, account_id) for account_id in dict.fromkeys(account_ids)]
    if tier is not None:
        get_tier(tier)
    return [each for each in connected_accounts(engine) if tier in {None, each.tier}]


def _request(engine: Engine, accounts: Sequence[Account]) -> dict[str, str]:
    refused = {}
    for account in accounts:
        try:
            request_sync(engine, account.account_id, RequestKind.MANUAL)
        except DashtrayError as error:
            refused[account.account_id] = str(error)
    return refused


def _run_here(
    settings: Settings, database_url: str, engine: Engine, account_ids: Sequence[str]
) -> list[dict[str, Any]]:
    rows = []
    for claim in claim_requests(engine, account_ids=account_ids):
        with live_run(f"Syncing {len(claim.account_ids)} account(s)") as watch:
            result = sync_here(
                settings,
                database_url,
                claim.account_ids,
                claim.kind,
                claim_id=claim.claim_id,
                watch=watch,
            )
        rows += _outcomes(engine, claim, result)
    served = {row["account_id"] for row in rows}
    rows += [
        _row(account_id, "queued", "a running service took the request")
        for account_id in account_ids
        if account_id not in served
    ]
    return rows


def _outcomes(engine: Engine, claim: Claim, result: HereResult) -> list[dict[str, Any]]:
    synced = {sync.account_id: sync for sync in syncs_of_run(engine, result.run_id)}
    rows = []
    for account_id in claim.account_ids:
        record = synced.get(account_id)
        if record is None:
            rows.append(_row(account_id, "failed", result.error or "left out: see the run"))
        elif record.outcome is SyncOutcome.OK:
            rows.append(
                {**_row(account_id, "ok", ""), "rows": record.rows, "requests": record.requests}
            )
        else:
            outcome = record.outcome.value if record.outcome else "failed"
            rows.append(_row(account_id, outcome, record.error or result.error or ""))
    if not result.success:
        err.print(f"Run {result.run_id} failed: {result.error}")
    return rows


def _row(account_id: str, result: str, detail: str) -> dict[str, Any]:
    return {"account_id": account_id, "result": result, "detail": detail}
