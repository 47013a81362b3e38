"""Random worlds: business that chance chose, at home in a random country.

Belongs here: which worlds there are. Not here: how they are read (`worlds`) and proven (`proving`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from stripe_simulator.world.cases import CASES
from stripe_simulator.world.presets import PROFILES, Profile

# Profiles of the simulator and a few calendars beside them: far east, far west, half hours.
HOMES = (
    *PROFILES,
    Profile("krw", "Asia/Seoul", "KR"),
    Profile("bhd", "Asia/Bahrain", "BH"),
    Profile("ugx", "Africa/Kampala", "UG"),
    Profile("clp", "America/Santiago", "CL", "2020-08-27"),
    Profile("aud", "Australia/Lord_Howe", "AU"),
    Profile("usd", "Pacific/Kiritimati", "KI"),
    Profile("usd", "Pacific/Pago_Pago", "AS"),
    Profile("gbp", None, "GB"),
)
# A change to its eleventh item leaves no dated trace even later: events show ten, and it is not
# prorated.
UNTOLD = frozenset({"more-than-ten-items"})
# Each rate of a lively business is multiplied by one of these.
FACTORS = (0.0, 0.5, 1.0, 1.0, 2.0, 4.0)
LIVELY: Mapping[str, float] = {
    "trial": 0.25,
    "trial_without_card": 0.2,
    "trial_lapses": 0.2,
    "yearly": 0.12,
    "second_item": 0.15,
    "forever_coupon": 0.12,
    "once_coupon": 0.08,
    "repeating_coupon": 0.08,
    "customer_coupon": 0.06,
    "upgrade": 0.06,
    "downgrade": 0.05,
    "quantity_change": 0.08,
    "retention_offer": 0.05,
    "cancel_at_period_end": 0.04,
    "cancel_now": 0.03,
    "change_of_mind": 0.15,
    "one_off": 0.2,
    "failure": 0.1,
    "reactivation": 0.25,
    "deletion": 0.08,
    "refund": 0.06,
    "dispute": 0.04,
}


@dataclass(frozen=True)
class Chosen:
    """A world to prove.

    Attributes:
        preset: The preset whose rates it has.
        seed: Decides everything that chance decides in it.
        rates: Rates that differ from the preset's.
    """

    preset: str
    seed: int
    rates: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Name the world."""
        return f"{self.preset} {self.seed}"


def of_preset(preset: str, seed: int) -> Chosen:
    """Return a world of a preset as it is."""
    return Chosen(preset, seed)


def drawn(number: int) -> Chosen:
    """Return one of endlessly many random worlds.

    In every third one edge cases are staged; in half of those all of them leave a dated trace.
    """
    chance = Random(number)
    rates: dict[str, Any] = {
        name: round(min(0.9, rate * chance.choice(FACTORS)), 4) for name, rate in LIVELY.items()
    }
    rates["customers_per_day"] = chance.choice((0.03, 0.06, 0.12))
    rates["profiles"] = (chance.choice(HOMES),)
    staged = number % 3 == 0
    if staged:
        rates["case_days"] = chance.choice((45, 60, 90))
        known = {name for name, case in CASES.items() if case.exact or number % 6 == 0}
        rates["cases"] = tuple(chance.sample(sorted(known - UNTOLD), 12))
    return Chosen("tiny", 1_000_000 + number, rates)
