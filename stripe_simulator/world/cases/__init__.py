"""Named edge cases, each a small play that is staged again and again in the preset `every-case`.

What belongs here: the table of cases and how they are put on stage. The plays themselves are in
one module a theme; adding a case is adding a function with the `case` mark.
"""

from stripe_simulator.world.account import Account
from stripe_simulator.world.cases import (
    calendars,
    discounts,
    items,
    money,
    prices,
    status,
)
from stripe_simulator.world.cases.stage import CASES, Case, Play, Stage

__all__ = ["CASES", "Case", "open_theatre"]

THEMES = (status, items, prices, discounts, money, calendars)


def open_theatre(account: Account, only: tuple[str, ...] = ()) -> None:
    """Stage every case (or only the named ones), each anew once in `case_days`.

    The beginnings are spread over that time, so that at any moment some plays have just begun,
    some are in the middle and some are long over.

    Raises:
        ValueError: If a name is not in the table.
    """
    unknown = [name for name in only if name not in CASES]
    if unknown:
        raise ValueError(f"There is no case {unknown[0]!r}. Known: {', '.join(CASES)}.")
    chosen = [CASES[name] for name in only or CASES]
    period = account.rates.case_days * 86_400
    for place, one in enumerate(chosen):
        account.schedule(account.start + 60 + place * period // len(chosen), _raise, one)


def _raise(account: Account, one: Case) -> None:
    """Begin a play, and plan its next staging."""
    account.schedule(account.now + account.rates.case_days * 86_400, _raise, one)
    account.staged[one.name] = account.staged.get(one.name, 0) + 1
    _go_on(account, one.play(Stage(account, one.name)))


def _go_on(account: Account, play: Play) -> None:
    """Play until the next pause."""
    wait = next(play, None)
    if wait is not None:
        account.schedule(account.now + wait, _go_on, play)
