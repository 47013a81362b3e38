"""The rates of a business, by name. A preset is one entry of `PRESETS`.

What belongs here: numbers. What does not: what they lead to (`behaviour`).
"""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Profile:
    """Where an account is at home."""

    currency: str = "usd"
    timezone: str | None = "Etc/UTC"
    country: str = "US"
    # The API version of its events: the pinned one, or `legacy.VERSION`.
    api_version: str = "2026-05-27.dahlia"


PROFILES = (
    Profile(),
    Profile("eur", "Europe/Berlin", "DE"),
    Profile("jpy", "Asia/Tokyo", "JP"),
    Profile("kwd", "Asia/Kuwait", "KW"),
    Profile("isk", "Atlantic/Reykjavik", "IS"),
    Profile("usd", "America/New_York", "US", "2020-08-27"),
    Profile("inr", "Asia/Kolkata", "IN"),
    Profile("nzd", "Pacific/Auckland", "NZ"),
)


@dataclass(frozen=True)
class Rates:
    """Chances and sizes of one account's business. Chances are per event unless said otherwise."""

    accounts: int = 1
    # One account after another takes its turn in this list.
    profiles: tuple[Profile, ...] = (Profile(),)
    # Days between two stagings of an edge case; 0 stages none.
    case_days: int = 0
    cases: tuple[str, ...] = ()
    customers_per_day: float = 3.75
    trial: float = 0.25
    trial_without_card: float = 0.2
    trial_lapses: float = 0.25
    yearly: float = 0.12
    second_item: float = 0.08
    no_subscription: float = 0.03
    forever_coupon: float = 0.08
    once_coupon: float = 0.05
    repeating_coupon: float = 0.05
    customer_coupon: float = 0.03
    # Per subscription and month.
    upgrade: float = 0.02
    downgrade: float = 0.01
    quantity_change: float = 0.04
    retention_offer: float = 0.008
    cancel_at_period_end: float = 0.016
    cancel_now: float = 0.005
    change_of_mind: float = 0.15
    one_off: float = 0.45
    # Per attempt; a customer whose last attempt failed is likelier to fail again.
    failure: float = 0.045
    failure_again: float = 0.55
    # Per customer who has left, decided once.
    reactivation: float = 0.18
    deletion: float = 0.02
    # Per charge.
    refund: float = 0.02
    dispute: float = 0.003


_LIVELY = Rates(
    customers_per_day=0.08,
    trial=0.4,
    upgrade=0.06,
    downgrade=0.05,
    quantity_change=0.08,
    retention_offer=0.05,
    cancel_at_period_end=0.04,
    cancel_now=0.02,
    failure=0.12,
    reactivation=0.6,
    deletion=0.15,
    refund=0.08,
    dispute=0.05,
)

PRESETS: dict[str, Rates] = {
    "demo": Rates(),
    "tiny": _LIVELY,
    "every-case": Rates(
        accounts=8, profiles=PROFILES, customers_per_day=0, case_days=60, failure=0, failure_again=0
    ),
    "many-accounts": replace(_LIVELY, accounts=20, profiles=PROFILES),
}


def rates(preset: str, overrides: dict[str, Any]) -> Rates:
    """The rates of a preset with some of them replaced.

    Raises:
        ValueError: If the preset or a rate does not exist.
    """
    name, _, count = preset.partition(" ")
    if name == "many-accounts" and count.isdigit():
        return rates(name, {"accounts": int(count)} | overrides)
    if preset not in PRESETS:
        raise ValueError(f"There is no preset {preset!r}. Known: {', '.join(sorted(PRESETS))}.")
    unknown = overrides.keys() - PRESETS[preset].__dataclass_fields__.keys()
    if unknown:
        known = ", ".join(PRESETS[preset].__dataclass_fields__)
        raise ValueError(f"There is no rate {sorted(unknown)[0]!r}. Known: {known}.")
    return replace(PRESETS[preset], **overrides)
