"""What pages show of accounts: gathered with a fixed number of queries for any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, HTTPException
from sqlalchemy.engine import Engine

from connections.accounts import get_account
from connections.days import checked_timezone, next_day_begins
from connections.errors import UnknownAccountError
from connections.models import Account, AccountStatus, RequestKind, SyncRequest, SyncRun
from connections.reads import Reads, reads_of
from connections.requests import manual_syncs_left
from connections.standing import AccountState, Standing, state_of
from connections.sync_reports import last_syncs, open_requests
from connections.tiers import Tier, get_tier
from console.web.context import Web, web_of
from console.web.progress import foremost
from console.web.viewer import Viewer, current_viewer


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account as pages show it.

    Attributes:
        account: The account.
        state: How it is doing.
        tier: Its tier.
        last: Its newest sync, finished or not.
        request: What it waits for, if anything.
        syncs_left: Manual syncs left today; None = no limit.
        again_at: When the next day's manual syncs begin, if none is left.
        reads: Its requests to Stripe.
    """

    account: Account
    state: AccountState
    tier: Tier
    last: SyncRun | None
    request: SyncRequest | None
    syncs_left: int | None
    again_at: datetime | None
    reads: Reads

    @property
    def name(self) -> str:
        """What people call it."""
        return self.account.display_name or self.account.account_id

    @property
    def is_busy(self) -> bool:
        """Whether a sync of it is under way or waits to start."""
        if self.account.status is not AccountStatus.CONNECTED:
            return False
        running = self.last is not None and self.last.finished_at is None
        return running or (self.request is not None and self.state.next_attempt is None)


def account_rows(
    engine: Engine, accounts: Sequence[Account], *, now: datetime | None = None
) -> list[AccountRow]:
    """Gather what pages show of these accounts, in their order."""
    instant = now or datetime.now(UTC)
    ids = [account.account_id for account in accounts]
    last, waiting, reads = (
        last_syncs(engine, ids),
        open_requests(engine, ids),
        reads_of(engine, ids),
    )
    rows = []
    for account in accounts:
        request = foremost(waiting.get(account.account_id, []))
        left = _syncs_left(engine, account, instant)
        rows.append(
            AccountRow(
                account=account,
                state=_state(account, request, instant),
                tier=get_tier(account.tier),
                last=last.get(account.account_id),
                request=request,
                syncs_left=left,
                again_at=(
                    next_day_begins(instant, checked_timezone(account.day_timezone))
                    if left == 0
                    else None
                ),
                reads=reads[account.account_id],
            )
        )
    return rows


def by_attention(accounts: Sequence[Account], *, now: datetime | None = None) -> list[Account]:
    """Accounts in the order in which they want a person's attention, then by name."""
    instant = now or datetime.now(UTC)
    order = list(Standing)
    return sorted(
        accounts,
        key=lambda each: (
            order.index(state_of(each, now=instant).standing),
            (each.display_name or each.account_id).lower(),
        ),
    )


def seen_account(engine: Engine, viewer: Viewer, account_id: str) -> Account:
    """One account, if the viewer may see it.

    Raises:
        HTTPException: 404, also for an account of others: that it exists is theirs to know.
    """
    if viewer.sees(account_id):
        try:
            return get_account(engine, account_id)
        except UnknownAccountError:
            pass
    raise HTTPException(404, "There is no such account.")


def account_of_address(
    account_id: str,
    web: Annotated[Web, Depends(web_of)],
    viewer: Annotated[Viewer, Depends(current_viewer)],
) -> Account:
    """The account that a route's address names, for routes that are about one."""
    return seen_account(web.engine, viewer, account_id)


AddressedAccount = Annotated[Account, Depends(account_of_address)]


def _state(account: Account, request: SyncRequest | None, now: datetime) -> AccountState:
    first = request if request and request.kind is RequestKind.FIRST_IMPORT else None
    return state_of(account, first, now=now)


def _syncs_left(engine: Engine, account: Account, now: datetime) -> int | None:
    # Only a quota has to be counted, and few accounts are shown at once.
    if get_tier(account.tier).manual_quota_per_day is None:
        return None
    return manual_syncs_left(engine, account.account_id, now=now)
