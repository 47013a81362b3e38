"""`dashtray rates`: the operator's exchange rates, checked line by line and kept for the build.

The build reads one CSV file (`docs/metrics.md` §10). What a rate does to a number is said in
`dbt_project`; here a file of the operator's is read, refused with all its mistakes or merged in.
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from connections.errors import DashtrayError
from connections.settings import Settings

COLUMNS = ("date", "from_currency", "to_currency", "rate")
SUMMARY = ("from_currency", "to_currency", "days", "first", "last")
_RATE = re.compile(r"\d{1,6}(\.\d{1,12})?")
_CURRENCY = re.compile(r"[a-z]{3}")
_SHOWN_MISTAKES = 10

Key = tuple[date, str, str]


class BadRates(DashtrayError):
    """A file of rates cannot be used; the message names each line and what is wrong with it."""


@dataclass(frozen=True)
class Imported:
    """What an import did: rates that were new, rates that replaced another, and where they are."""

    added: int
    replaced: int
    path: Path


def rates_path(settings: Settings) -> Path:
    """Where the build looks: `DASHTRAY_EXCHANGE_RATES`, else beside the warehouse."""
    chosen = os.environ.get("DASHTRAY_EXCHANGE_RATES", "").strip()
    return Path(chosen) if chosen else settings.warehouse_path.parent / "exchange_rates.csv"


def import_file(settings: Settings, file: Path) -> Imported:
    """Check a CSV of rates and merge it: a rate of the same day and pair is replaced.

    Nothing changes if any line is wrong. The file that the build reads is replaced as a whole.

    Args:
        settings: Where the deployment lives.
        file: CSV with the columns date, from_currency, to_currency, rate.

    Raises:
        BadRates: The file is not there or has mistakes.
    """
    new = read_rates(file)
    path = rates_path(settings)
    known = read_rates(path) if path.exists() else {}
    replaced = sum(key in known for key in new)
    _write(path, known | new)
    return Imported(len(new) - replaced, replaced, path)


def summary(settings: Settings) -> list[dict[str, Any]]:
    """Return one row per pair of currencies: how many days have a rate, the first and the last."""
    path = rates_path(settings)
    days: dict[tuple[str, str], list[date]] = {}
    for day, base, target in sorted(read_rates(path) if path.exists() else {}):
        days.setdefault((base, target), []).append(day)
    return [
        dict(zip(SUMMARY, (*pair, len(found), found[0], found[-1]), strict=True))
        for pair, found in sorted(days.items())
    ]


def read_rates(file: Path) -> dict[Key, str]:
    """Read and check a file of rates.

    Returns:
        The rate as written, by day and lower-case pair.

    Raises:
        BadRates: The file cannot be read, or lines are wrong; at most ten are named.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRates(f"{file} cannot be read as a UTF-8 file: {error}") from error
    reader = csv.DictReader(text.splitlines())
    header = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    if sorted(header) != sorted(COLUMNS):
        raise BadRates(
            f"{file} line 1: the header must be {','.join(COLUMNS)}; it is "
            f"{','.join(header) or 'missing'}."
        )
    reader.fieldnames = header
    rates: dict[Key, str] = {}
    lines: dict[Key, int] = {}
    mistakes: list[str] = []
    for row in reader:
        values = {name: (row.get(name) or "").strip() for name in COLUMNS}
        found = [*_mistakes(values)]
        if None in row:
            found.append("it has more than four values")
        if not found:
            key = (
                date.fromisoformat(values["date"]),
                values["from_currency"].lower(),
                values["to_currency"].lower(),
            )
            if key in lines:
                found.append(f"line {lines[key]} has the same date and currencies")
            rates[key] = values["rate"]
            lines.setdefault(key, reader.line_num)
        mistakes += [f"line {reader.line_num}: {mistake}" for mistake in found]
    if mistakes:
        shown = "; ".join(mistakes[:_SHOWN_MISTAKES])
        more = len(mistakes) - _SHOWN_MISTAKES
        raise BadRates(
            f"{file}: {shown}{f'; and {more} more' if more > 0 else ''}. Nothing was imported."
        )
    return rates


def _mistakes(values: dict[str, str]) -> Iterator[str]:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", values["date"]) or not _is_date(values["date"]):
        yield f"date {values['date']!r} is not a day like 2026-03-31"
    for name in ("from_currency", "to_currency"):
        if not _CURRENCY.fullmatch(values[name].lower()):
            yield f"{name} {values[name]!r} is not a currency of three letters"
    if values["from_currency"].lower() == values["to_currency"].lower():
        yield f"a rate from {values['from_currency']!r} to itself is always 1"
    if not _RATE.fullmatch(values["rate"]) or Decimal(values["rate"]) == 0:
        yield (
            f"rate {values['rate']!r} is not a decimal above 0 and below 1000000 with a point and "
            "at most 12 decimals"
        )


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _write(path: Path, rates: dict[Key, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Put in place as a whole: a build that reads meanwhile sees the old file or the new one.
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8", newline=""
    ) as aside:
        writer = csv.writer(aside, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((*key, rate) for key, rate in sorted(rates.items()))
    Path(aside.name).replace(path)
