"""A whole world: its accounts and their common clock.

What belongs here: building a preset and moving time. What does not: what happens in an account.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stripe_simulator.store import ObjectStore
from stripe_simulator.world import cases, customers
from stripe_simulator.world.account import Account
from stripe_simulator.world.presets import rates


@contextmanager
def _no_collections() -> Iterator[None]:
    """Spare the garbage collector: what a world makes, it keeps; looking for garbage costs 20 %."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class World:
    """Accounts in virtual time.

    Deterministic in (preset, seed, start, parameters) and prefix-consistent: however the clock is
    moved, at an instant the objects, ids and events are the same.
    """

    def __init__(self, accounts: list[Account], now: int) -> None:
        """Let the accounts live until `now` (unix seconds)."""
        self.accounts = accounts
        self.now = now
        with _no_collections():
            for account in accounts:
                account.advance(now)

    def advance(self, to: int) -> None:
        """Move the clock forward.

        Raises:
            ValueError: If `to` lies in the past.
        """
        if to < self.now:
            raise ValueError(f"The clock stands at {self.now} and cannot go back to {to}.")
        self.now = to
        for account in self.accounts:
            account.advance(to)

    def account(self, account_id: str) -> Account:
        """The account with this id.

        Raises:
            KeyError: If there is none.
        """
        for account in self.accounts:
            if account.id == account_id:
                return account
        raise KeyError(f"There is no account {account_id!r} in this world.")


def build_world(
    preset: str, seed: int, start: int, now: int, store: ObjectStore, **params: Any
) -> World:
    """Build a world and let it live from `start` to `now`.

    Args:
        preset: A name of `presets.PRESETS`.
        seed: Decides everything that chance decides.
        start: Unix seconds of the first moment.
        now: Unix seconds of the virtual present.
        store: Receives every object.
        **params: Rates that differ from the preset's.

    Raises:
        ValueError: If the preset or a rate does not exist, or `now` lies before `start`.
    """
    if now < start:
        raise ValueError(f"The world starts at {start}, after the present {now}.")
    chosen = rates(preset, params)
    accounts = []
    for number in range(1, chosen.accounts + 1):
        profile = chosen.profiles[(number - 1) % len(chosen.profiles)]
        account = Account(
            store,
            f"{preset}/{seed}/{number}",
            start,
            default_currency=profile.currency,
            timezone=profile.timezone,
            country=profile.country,
            api_version=profile.api_version,
            name=f"Simulated {preset.title()} {number}",
            rates=chosen,
        )
        if chosen.customers_per_day:
            account.schedule(start, customers.open_shop)
        if chosen.case_days:
            cases.open_theatre(account, chosen.cases)
        accounts.append(account)
    return World(accounts, now)
