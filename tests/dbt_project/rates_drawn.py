"""Exchange rates that chance chose, with the holes that an operator leaves.

Belongs here: the rates and the file that builds read. Not here: what follows from them.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from random import Random

from tests.oracle.reporting import Rates

#: What one unit is worth in the reporting currency, about; nobody wrote one for the others.
WORTH = {"usd": "0.92", "gbp": "1.17", "jpy": "0.0061", "krw": "0.00067", "bhd": "2.44"}
WORTH |= {"aud": "0.6", "cad": "0.67", "inr": "0.011", "kwd": "2.99", "ugx": "0.00025"}
REPORTING_CURRENCY = "eur"
# Friday's lives over the weekend.
MAX_AGE = 3


def drawn_rates(seed: int, first: dt.date, last: dt.date) -> Rates:
    """Return rates of working days, up to twelve decimals, some weeks of some currencies missing.

    Args:
        seed: Decides everything.
        first: The first day with rates.
        last: The last one.
    """
    chance = Random(seed)
    dated: dict[str, dict[dt.date, Decimal]] = {}
    for currency, worth in WORTH.items():
        missing = chance.randrange((last - first).days)
        dated[currency] = {}
        for number in range((last - first).days + 1):
            day = first + dt.timedelta(days=number)
            if day.weekday() >= 5 or missing <= number < missing + 12:
                continue
            factor = Decimal(chance.choice((9_000, 10_000, 10_000, 10_001, 11_234))) / 10_000
            decimals = Decimal(1).scaleb(-chance.choice((6, 8, 12)))
            dated[currency][day] = (Decimal(worth) * factor).quantize(decimals)
    return Rates(REPORTING_CURRENCY, MAX_AGE, dated)


def write(rates: Rates, file: Path) -> None:
    """Write the rates as `dashtray rates import` leaves them, and a pair that nobody asks for."""
    lines = ["date,from_currency,to_currency,rate"]
    for currency, dated in rates.dated.items():
        lines += [
            f"{day},{currency},{to},{rate:f}"
            for day, rate in dated.items()
            for to in (rates.currency, "chf")
        ]
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
