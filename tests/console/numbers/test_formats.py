"""Numbers as people write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel import Locale

from console.web.numbers.formats import change, compact, full, short, spreadsheet_safe
from console.web.numbers.metrics import Unit

EN, DE = Locale("en"), Locale("de")


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        ("1234.5", "usd", "$1,234.50"),
        ("-1234.565", "usd", "−$1,234.57"),
        ("1234.5", "jpy", "¥1,235"),
        ("1234.5675", "kwd", "KWD\xa01,234.568"),
        # Two decimals on the wire, though CLDR writes none (docs/metrics.md §0).
        ("1234.5", "isk", "ISK\xa01,234.50"),
        ("1234.5", "ugx", "UGX\xa01,234.50"),
    ],
)
def test_money_has_the_decimals_of_its_currency(value: str, currency: str, text: str) -> None:
    shown = full(Decimal(value), Unit.MONEY, currency, EN)
    assert shown.replace("\xa0", "") == text.replace("\xa0", "")


def test_units() -> None:
    assert full(Decimal("0.0909091"), Unit.RATE, "usd", EN) == "9.09%"
    assert full(Decimal("-0.5"), Unit.RATE, "usd", DE) == "−50,00\xa0%"
    assert full(12345, Unit.COUNT, "usd", DE) == "12.345"
    assert full(Decimal("3.1"), Unit.RATIO, "usd", EN) == "3.10"
    assert full(Decimal("36"), Unit.HOURS, "usd", EN) == "36.0\xa0h"
    assert full(None, Unit.MONEY, "usd", EN) == "–"


def test_large_numbers_are_short_and_small_ones_whole() -> None:
    assert short(Decimal("2828486.99"), Unit.MONEY, "usd", EN) == "$2.83M"
    assert short(Decimal("999999.99"), Unit.MONEY, "usd", EN) == "$999,999.99"
    assert compact(Decimal(250000), Unit.MONEY, "usd", EN) == "$250K"
    assert compact(Decimal("0.945"), Unit.RATE, "usd", EN) == "94.5%"


def test_changes() -> None:
    assert change(110, 100, Unit.COUNT, EN) == "+10.0%"
    assert change(Decimal(-50), Decimal(-100), Unit.MONEY, EN) == "+50.0%"
    assert change(5, 0, Unit.COUNT, EN) == "+5"
    assert change(Decimal("0.93"), Decimal("0.95"), Unit.RATE, EN) == "−2.00\xa0pp"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_cells_that_spreadsheets_would_run(cell: str) -> None:
    assert spreadsheet_safe(cell) == f"'{cell}"
    assert spreadsheet_safe("Ada & Sons = fun") == "Ada & Sons = fun"
