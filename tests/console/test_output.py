"""What scripts read from `--format json` and `--format csv`."""

import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.output import Format, plain_number, show_rows


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20), max_value=10**20
    )
)
def test_a_plain_number_is_the_same_number_without_an_exponent(value: Decimal) -> None:
    text = plain_number(value)

    assert Decimal(text) == value
    assert "E" not in text.upper()


def test_json_keeps_every_digit_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"mrr": Decimal("0.100000001"), "n": 3}], ["mrr", "n", "none"], Format.json)

    assert json.loads(capsys.readouterr().out) == [{"mrr": "0.100000001", "n": 3, "none": None}]


def test_csv_has_a_header_and_quotes_what_needs_it(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"name": 'a,"b"', "n": 1}], ["name", "n"], Format.csv)

    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [["name", "n"], ['a,"b"', "1"]]
