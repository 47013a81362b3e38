"""The truth of each day: every column of `metrics_daily`.

What belongs here: putting the parts together. What does not: any rule (`mrr`, `counts`,
`payments`).
"""

from datetime import date
from decimal import Decimal

from stripe_simulator.ledger.counts import Counts
from stripe_simulator.ledger.mrr import MrrHistory
from stripe_simulator.ledger.payments import Payments
from stripe_simulator.world import log
from stripe_simulator.world.account import Account
from stripe_simulator.world.world import World

DAY = 86_400
IMPORT_DAYS = 90
Truth = dict[date, dict[str, dict[str, Decimal | int | None]]]


def default_history_start(now: int) -> int:
    """The UTC day start 90 days before `now`: where a first import at `now` begins."""
    return (now - IMPORT_DAYS * DAY) // DAY * DAY


def currencies(account: Account) -> list[str]:
    """Every currency in which the account did business, its default first."""
    found = {account.default_currency: None}
    for decision in account.log:
        if isinstance(decision, log.SubscriptionStarted | log.Attempted | log.InvoiceFinalised):
            found[decision.currency] = None
    return list(found)


def truth(
    world: World,
    account_id: str,
    first_day: date,
    last_day: date,
    *,
    history_start: int | None = None,
    first_sync: int | None = None,
) -> Truth:
    """Every metric of an account for every day and currency, as of the world's present.

    Args:
        world: The world.
        account_id: ``acct_…``.
        first_day: First local day.
        last_day: Last local day; days after the present repeat its state.
        history_start: Where the import of payment history began, in unix seconds; by default
            90 days before the first sync, at the start of the UTC day.
        first_sync: When the account was first read, in unix seconds; by default 90 days after
            `history_start`, and at the present if that is not given either. It decides which
            deleted customers, and which payments that failed before any charge, were ever seen.

    Raises:
        KeyError: If there is no such account.
    """
    account = world.account(account_id)
    if history_start is None:
        history_start = default_history_start(first_sync or world.now)
        first_sync = first_sync or world.now
    elif first_sync is None:
        first_sync = min(world.now, history_start + IMPORT_DAYS * DAY)
    history = _history(account)
    counts = Counts(account, history, first_sync)
    payments = Payments(account, history_start, first_sync)
    days: Truth = {}
    for currency in currencies(account):
        states = counts.numbers(currency, first_day, last_day)
        flows = payments.numbers(currency, first_day, last_day)
        for day, columns in states.items():
            days.setdefault(day, {})[currency] = columns | flows[day]
    return days


_KEPT_HISTORIES = 64
_CACHE: dict[str, tuple[Account, int, MrrHistory]] = {}


def _history(account: Account) -> MrrHistory:
    """The replay of the log, kept while nothing is decided."""
    kept = _CACHE.get(account.id)
    if kept is not None and kept[0] is account and kept[1] == len(account.log):
        return kept[2]
    if len(_CACHE) >= _KEPT_HISTORIES:
        _CACHE.clear()
    history = MrrHistory(account)
    _CACHE[account.id] = (account, len(account.log), history)
    return history
