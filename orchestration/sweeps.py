"""What a run of the kind `verify` adds to a sync: the sweep of each account, and its record.

How a sweep compares is in `dlt_sources`; how much of it an account can afford is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sqlalchemy.engine import Engine

from connections.models import Verification
from connections.reads import reads_of
from connections.verifications import record_verification, sweep_positions
from orchestration.resources import Warehouse

if TYPE_CHECKING:
    from dlt_sources.stripe import AccountOutcome, Sweep

#: Of the reads that Stripe still allows an account, what one scheduled sweep may spend. Four
#: sweeps fall into thirty days, so that syncs keep two thirds and more.
SCHEDULED_PERCENT = 10

#: What one sweep that a person asks for may spend.
ASKED_PERCENT = 100


def sweeps_of(
    engine: Engine,
    warehouse: Warehouse,
    account_ids: Iterable[str],
    *,
    repair: bool,
    reads_percent: int,
    on_wait: Callable[[str], None],
) -> dict[str, Sweep]:
    """Return the sweep of each account.

    Args:
        engine: The `connections` database.
        warehouse: The warehouse; opened for each question of a sweep, under its lock.
        account_ids: Accounts that have been imported.
        repair: Whether to land what differs.
        reads_percent: Of the reads that remain to an account, what its sweep may spend. What an
            account cannot afford now is compared by later sweeps, part after part.
        on_wait: Told when the warehouse is held by another process.
    """
    from dlt_sources.stripe import Sweep, WarehouseState

    ids = sorted(account_ids)
    reads = reads_of(engine, ids)
    positions = sweep_positions(engine, ids)
    return {
        account_id: Sweep(
            WarehouseState(warehouse.location, account_id, lambda: warehouse.loading(on_wait)),
            repair=repair,
            most_requests=max(1, reads[account_id].left * reads_percent // 100),
            positions={
                stream: resume_at
                for stream, (_, resume_at) in positions.get(account_id, {}).items()
            },
        )
        for account_id in ids
    }


def record_findings(engine: Engine, run_id: str, outcome: AccountOutcome) -> None:
    """Keep what the sweep of one account found, if there was one."""
    if outcome.started_at is None or not outcome.findings:
        return
    record_verification(
        engine,
        [
            Verification(
                run_id=run_id,
                account_id=outcome.account_id,
                stream=finding.stream,
                verified_at=outcome.started_at,
                scope=finding.scope,
                compared=finding.compared,
                equal=finding.equal,
                missing=finding.missing,
                gone=finding.gone,
                changed=finding.changed,
                moving=finding.moving,
                unchecked=finding.unchecked,
                repaired=finding.repaired,
                resume_at=finding.resume_at,
                drift=[
                    {"id": each.id, "kind": each.kind.value, "fields": list(each.fields)}
                    for each in finding.named
                ],
            )
            for finding in outcome.findings
        ],
    )
