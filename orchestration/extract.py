"""The first step of a sync: read Stripe, without the warehouse.

Which accounts a run is about, what is asked of each, and what becomes of an account that
fails. How Stripe is read is in `dlt_sources`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetExecutionContext,
    AssetSpec,
    BackfillPolicy,
    Config,
    Failure,
    MaterializeResult,
    multi_asset,
)
from pydantic import Field
from sqlalchemy.engine import Engine

from connections.accounts import connected_accounts, get_account
from connections.errors import DashtrayError
from connections.history import STRIPE_BEGAN, first_history_day, missing_history
from connections.models import DEFAULT_HISTORY_DAYS, Account, RequestKind, SyncOutcome
from connections.settings import Settings
from connections.sync_reports import accounts_by_id
from connections.syncs import (
    Reading,
    begin_sync,
    record_handed_over,
    record_outcome,
    record_readings,
)
from connections.tokens import AccessProvider, AccessRevokedError, AccountAccess
from connections.vault import open_vault
from orchestration.naming import named
from orchestration.partitions import HISTORY_DAYS
from orchestration.pii import treatment
from orchestration.resources import Accounts, Warehouse
from orchestration.sweeps import SCHEDULED_PERCENT, record_findings, sweeps_of

if TYPE_CHECKING:
    from dlt_sources.stripe import AccountTask, Cursor, Extraction

EXTRACT_KEY = ["stripe", "payment_history"]

#: The step's name must not be the last of the job's in the alphabet. Dagster takes the
#: partitions of the last step's asset for those of every asset of the run; if that is this
#: one, it announces each of some sixty assets once per day, 5,400 events for a first import.
EXTRACT_STEP = "extract"
LOAD_STEP = "load"


class SyncConfig(Config):
    """What a run is asked to do. The defaults are those of a backfill begun in the UI."""

    accounts: list[str] = Field(
        default=[], description="Account ids (acct_…). Empty: every connected account."
    )
    kind: RequestKind = Field(
        default=RequestKind.REIMPORT,
        description=(
            "reimport: list the run's days of payment history again, beside the changes; "
            "first_import: everything, as for a new account; "
            "verify: what changed, and a comparison of Stripe's lists with the warehouse; "
            "tick, manual, webhook: only what changed since the last sync."
        ),
    )
    claim_id: str | None = Field(
        default=None, description="The batch of sync requests that this run serves."
    )
    repair: bool = Field(
        default=True, description="verify: whether to land what differs, or only to say so."
    )
    reads_percent: int = Field(
        default=SCHEDULED_PERCENT,
        ge=1,
        le=100,
        description=(
            "verify: of the reads that Stripe still allows an account, what comparing may spend."
        ),
    )


@multi_asset(
    name=EXTRACT_STEP,
    specs=[
        AssetSpec(
            EXTRACT_KEY,
            group_name="extract",
            kinds={"stripe", "dlt"},
            description=(
                "UTC days of payment history that were read from Stripe. A backfill over any "
                "range of days lists the charges, refunds, disputes and invoices of those days "
                "again, and reads what else changed."
            ),
        )
    ],
    partitions_def=HISTORY_DAYS,
    backfill_policy=BackfillPolicy.single_run(),
)
def payment_history(
    context: AssetExecutionContext,
    config: SyncConfig,
    accounts: Accounts,
    warehouse: Warehouse,
) -> MaterializeResult[None]:
    """Read all accounts of the run side by side; leave their rows as load packages.

    State (customers, subscriptions, products, prices, coupons) is read whole on a first
    import and by its changes afterwards, whatever the days.
    """
    from dlt_sources.stripe import Progress, extract_accounts

    warehouse.prepare_dbt()
    report = warehouse.report(context.run_id)
    with accounts.engine() as engine, report.phase("extract"):
        settings = accounts.settings()
        tasks, failures = _tasks(context, config, engine, settings, warehouse)

        def on_progress(progress: Progress) -> None:
            report.stream(
                progress.account_id,
                progress.stream,
                progress.phase,
                progress.objects,
                progress.share,
            )

        extraction = extract_accounts(
            tasks, work_dir=warehouse.packages, run_id=context.run_id, on_progress=on_progress
        )
        _record(engine, context.run_id, extraction)
        for outcome in extraction.outcomes.values():
            record_findings(engine, context.run_id, outcome)
            if outcome.note is not None:
                context.log.info(f"{outcome.account_id}: {outcome.note}")
        failures |= {
            outcome.account_id: outcome.error or outcome.status
            for outcome in extraction.outcomes.values()
            if outcome.status != "ok"
        }
        if LOAD_STEP not in context.job_def.graph.node_dict:
            # Materialised alone, as Dagster does for a backfill begun at the asset: what comes
            # after it is another run, and that one says when the numbers can be seen.
            record_handed_over(engine, context.run_id)
    for account_id, error in failures.items():
        context.log.error(f"{account_id}: {error}")
    metadata: dict[str, Any] = {
        "accounts_read": len(extraction.ok),
        "accounts_failed": len(failures),
        "accounts_resumed": sum(outcome.resumed for outcome in extraction.outcomes.values()),
        "requests": sum(outcome.requests for outcome in extraction.outcomes.values()),
        "rows": sum(sum(outcome.rows.values()) for outcome in extraction.outcomes.values()),
        "network_seconds": round(extraction.network_seconds, 2),
    }
    if failures and not extraction.ok:
        raise Failure(
            description="No account could be read. "
            + " | ".join(f"{account}: {error}" for account, error in named(failures).items()),
            metadata=metadata,
            allow_retries=False,
        )
    return MaterializeResult(metadata=metadata)


def _record(engine: Engine, run_id: str, extraction: "Extraction") -> None:
    """Note what reading brought; an account that failed is at its end."""
    readings = {
        outcome.account_id: Reading(sum(outcome.rows.values()), outcome.requests)
        for outcome in extraction.outcomes.values()
        if outcome.status == "ok"
    }
    record_readings(engine, run_id, readings)
    for outcome in extraction.outcomes.values():
        if outcome.status != "ok":
            record_outcome(
                engine,
                run_id,
                outcome.account_id,
                SyncOutcome(outcome.status),
                requests=outcome.requests,
                error=outcome.error,
            )


def _tasks(
    context: AssetExecutionContext,
    config: SyncConfig,
    engine: Engine,
    settings: Settings,
    warehouse: Warehouse,
) -> "tuple[list[AccountTask], dict[str, str]]":
    """Take the accounts of the run; return what to read, and why some cannot be read."""
    from dlt_sources.stripe import AccountTask, read_cursors

    begun = begin_sync(
        engine,
        context.run_id,
        _wanted(engine, config.accounts),
        config.kind,
        claim_id=config.claim_id,
    )
    for account_id, reason in begun.skipped.items():
        context.log.warning(f"{account_id} is left out of this run: {reason}")
    imported = [account.account_id for account in begun.accounts if _was_imported(account)]
    cursors = {}
    if imported and config.kind is not RequestKind.FIRST_IMPORT:
        # The cursors lie beside the data that they describe, so the writer is waited for. A
        # first import has none and does not wait.
        with warehouse.loading(context.log.info):
            cursors = read_cursors(warehouse.location, imported)
    sweeps = {}
    if config.kind is RequestKind.VERIFY:
        sweeps = sweeps_of(
            engine,
            warehouse,
            cursors,
            repair=config.repair,
            reads_percent=config.reads_percent,
            on_wait=context.log.info,
        )
    vault = open_vault(settings, engine)
    access = AccessProvider(engine, settings, vault)
    pii = treatment(settings, engine, vault)
    reimported = _days(context) if config.kind is RequestKind.REIMPORT else None
    tasks: list[AccountTask] = []
    failures: dict[str, str] = {}
    for account in begun.accounts:
        try:
            credential = _Credential(access.of(account))
        except DashtrayError as error:
            failures[account.account_id] = str(error)
            record_outcome(
                engine, context.run_id, account.account_id, SyncOutcome.FAILED, error=str(error)
            )
            continue
        cursor = cursors.get(account.account_id)
        tasks.append(
            AccountTask(
                account_id=account.account_id,
                authorise=credential.authorise,
                rejected=credential.rejected,
                is_revocation=credential.is_revocation,
                api_base=account.api_base,
                cursor=cursor,
                history_days=account.history_days or DEFAULT_HISTORY_DAYS,
                days=reimported or _history_to_read(account, cursor),
                reporting_timezone=account.reporting_timezone,
                sweep=sweeps.get(account.account_id),
                authorisation=f"{account.auth_kind} of {account.connected_at.isoformat()}",
                pii=pii,
            )
        )
    return tasks, failures


class _Credential:
    """An account's access in the extractor's words: a dead one is `AccountRevoked` there."""

    def __init__(self, access: AccountAccess) -> None:
        self._access = access
        self.is_revocation = access.is_revocation

    def authorise(self) -> Mapping[str, str]:
        with _said_to_the_extractor():
            return self._access.headers()

    def rejected(self, headers: Mapping[str, str]) -> bool:
        with _said_to_the_extractor():
            return self._access.rejected(dict(headers))


@contextmanager
def _said_to_the_extractor() -> Iterator[None]:
    from dlt_sources.stripe import AccountRevoked

    try:
        yield
    except AccessRevokedError as error:
        raise AccountRevoked(str(error)) from None


def _wanted(engine: Engine, account_ids: list[str]) -> list[str]:
    if not account_ids:
        return [account.account_id for account in connected_accounts(engine)]
    # One query for all of a tick; the first that is not there says so.
    for unknown in sorted(set(account_ids) - accounts_by_id(engine, account_ids).keys()):
        get_account(engine, unknown)
    return account_ids


def _history_to_read(account: Account, cursor: "Cursor | None") -> tuple[date, date] | None:
    """Return the days of payment history that the account wants and does not have.

    None: nothing is missing, or its first import finds the days by Stripe's clock.
    """
    if cursor is None:
        today = datetime.now(UTC).date()
        first = first_history_day(account, today)
        return (first, today) if first == STRIPE_BEGAN else None
    # By Stripe's clock, as the start of what was read is.
    return missing_history(account, cursor.history_start, cursor.started_at.date())


def _was_imported(account: Account) -> bool:
    return account.first_import_finished_at is not None


def _days(context: AssetExecutionContext) -> tuple[date, date]:
    window = context.partition_time_window
    return window.start.date(), (window.end - timedelta(days=1)).date()
