"""Numbers and days as a person writes them: by locale, currency and unit.

Rounding here is for the eye; what is computed or exported stays exact.
"""

from __future__ import annotations

from copy import copy
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import (
    NumberPattern,
    format_compact_currency,
    format_compact_decimal,
    format_decimal,
    format_percent,
    get_currency_symbol,
)

from console.web.numbers.metrics import Unit

DEFAULT_LOCALE = Locale("en")
NONE = "–"
"""Shown for NULL; the reason stands beside it."""

# docs/metrics.md §0; CLDR's digits are others (ISK 0, UGX 0).
_NO_DECIMALS = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905
)
_THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})

#: From here on the short form is shown, the full one in the title.
_COMPACT_FROM = Decimal(1_000_000)
_THOUSAND = Decimal(1000)

Number = Decimal | int


def exponent(currency: str) -> int:
    """How many decimals a currency's amounts have."""
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


@lru_cache(maxsize=256)
def known_locale(name: str) -> Locale | None:
    """The locale of a tag such as `en-GB`; None if there is none."""
    if not (name.replace("-", "").replace("_", "").isalnum() and name.isascii()):
        return None
    try:
        return Locale.parse(name.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        return None


def full(value: Number | None, unit: Unit, currency: str, locale: Locale) -> str:
    """A number in full, to its unit's decimals."""
    if value is None:
        return NONE
    match unit:
        case Unit.MONEY:
            return _money(Decimal(value), currency, locale)
        case Unit.RATE:
            return _percent(Decimal(value), locale, 2)
        case Unit.COUNT:
            return _sign(format_decimal(value, locale=locale))
        case Unit.RATIO:
            return _decimal(Decimal(value), 2, locale)
        case Unit.HOURS:
            return _with_unit(_decimal(Decimal(value), 1, locale), "h")


def short(value: Number | None, unit: Unit, currency: str, locale: Locale) -> str:
    """A number as a card shows it: large money and counts in short, the rest in full."""
    if value is None:
        return NONE
    number = Decimal(value)
    if abs(number) < _COMPACT_FROM or unit not in {Unit.MONEY, Unit.COUNT}:
        return full(value, unit, currency, locale)
    return compact(number, unit, currency, locale, digits=2)


def compact(value: Number, unit: Unit, currency: str, locale: Locale, *, digits: int = 1) -> str:
    """A number for a chart's axis, such as $1.2K."""
    number = Decimal(value)
    match unit:
        case Unit.MONEY if abs(number) < _THOUSAND:
            return _money(number, currency, locale, 0 if number == int(number) else None)
        case Unit.MONEY:
            return _sign(
                format_compact_currency(
                    number, currency.upper(), locale=locale, fraction_digits=digits
                )
            )
        case Unit.RATE:
            return _percent(number, locale, 0 if number * 100 == int(number * 100) else 1)
        case _:
            return _sign(format_compact_decimal(number, locale=locale, fraction_digits=digits))


def change(now: Number, former: Number, unit: Unit, locale: Locale) -> str:
    """How far a number moved, signed: per cent, or points for a rate."""
    difference = Decimal(now) - Decimal(former)
    if unit is Unit.RATE:
        return _with_unit(_signed(difference * 100, 2, locale), "pp")
    if not former:
        return _signed(difference, 0 if unit is Unit.COUNT else 2, locale)
    return _signed_percent(difference / abs(Decimal(former)), locale)


def day(value: date, locale: Locale) -> str:
    """A day in full."""
    return format_date(value, "medium", locale=locale)


def short_day(value: date, locale: Locale) -> str:
    """A day on a chart's axis."""
    return str(format_skeleton("MMMd", value, locale=locale))


def month(value: date, locale: Locale) -> str:
    """A month."""
    return str(format_skeleton("yMMM", value, locale=locale))


def symbol(currency: str, locale: Locale) -> str:
    """A currency's sign."""
    return str(get_currency_symbol(currency.upper(), locale=locale))


def spreadsheet_safe(cell: str) -> str:
    """Text for CSV that no spreadsheet takes for a formula: customers choose their own names."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _money(value: Decimal, currency: str, locale: Locale, digits: int | None = None) -> str:
    digits = exponent(currency) if digits is None else digits
    pattern = _pattern(str(locale), digits)
    rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return _sign(
        str(pattern.apply(rounded, locale, currency=currency.upper(), currency_digits=False))
    )


@lru_cache(maxsize=256)
def _pattern(locale_name: str, digits: int) -> NumberPattern:
    pattern: NumberPattern = copy(Locale.parse(locale_name).currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


def _percent(value: Decimal, locale: Locale, digits: int) -> str:
    rounded = (value * 100).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP) / 100
    pattern = "#,##0%" if not digits else f"#,##0.{'0' * digits}%"
    spaced = locale.percent_formats[None].pattern
    return _sign(
        format_percent(
            rounded, pattern if spaced.endswith("0%") else pattern[:-1] + "\u00a0%", locale
        )
    )


def _decimal(value: Decimal, digits: int, locale: Locale) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return _sign(format_decimal(rounded, f"#,##0.{'0' * digits}" if digits else "#,##0", locale))


def _signed(value: Decimal, digits: int, locale: Locale) -> str:
    text = _decimal(value, digits, locale)
    return f"+{text}" if value > 0 else text


def _signed_percent(value: Decimal, locale: Locale) -> str:
    text = _percent(value, locale, 1)
    return f"+{text}" if value > 0 else text


def _with_unit(text: str, unit: str) -> str:
    return f"{text}\u00a0{unit}"


def _sign(text: str) -> str:
    # A hyphen is not a minus sign: too short beside figures, and some readers leave it out.
    return text.replace("-", "\N{MINUS SIGN}")
