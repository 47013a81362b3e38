"""Rates of the operator's are merged, or refused with the number of each bad line."""

from __future__ import annotations

from pathlib import Path

import pytest

from connections.settings import Settings
from console.exchange_rates import BadRates, import_file, read_rates, summary

HEADER = "date,from_currency,to_currency,rate\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A deployment without rates."""
    return Settings(home=tmp_path)


def written(tmp_path: Path, text: str) -> Path:
    """Return a file with the text."""
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_later_import_replaces_the_same_day_and_pair(settings: Settings, tmp_path: Path) -> None:
    """Others stay; the file is sorted and in lower case."""
    first = HEADER + "2026-03-02,EUR,USD,1.10\n2026-03-01,EUR,USD,1.05\n"
    done = import_file(settings, written(tmp_path, first))
    assert (done.added, done.replaced) == (2, 0)
    done = import_file(
        settings, written(tmp_path, "rate,date,to_currency,from_currency\n1.2,2026-03-02,usd,eur\n")
    )
    assert (done.added, done.replaced) == (0, 1)
    assert done.path.read_text() == HEADER + "2026-03-01,eur,usd,1.05\n2026-03-02,eur,usd,1.2\n"
    (pair,) = summary(settings)
    assert [str(value) for value in pair.values()] == [
        "eur",
        "usd",
        "2",
        "2026-03-01",
        "2026-03-02",
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("2026-02-30,eur,usd,1", "line 2: date '2026-02-30' is not a day"),
        ("01.03.2026,eur,usd,1", "is not a day like"),
        ("2026-03-01,euro,usd,1", "from_currency 'euro' is not a currency"),
        ("2026-03-01,eur,EUR,1", "to itself"),
        ("2026-03-01,eur,usd,0.0", "rate '0.0' is not"),
        ("2026-03-01,eur,usd,-1", "rate '-1' is not"),
        ("2026-03-01,eur,usd,1e3", "rate '1e3' is not"),
        ('2026-03-01,eur,usd,"1,1"', "rate '1,1' is not"),
        ("2026-03-01,eur,usd,1.1234567890123", "at most 12 decimals"),
        ("2026-03-01,eur,usd,1,1", "more than four values"),
        ("2026-03-01,eur,usd,1\n2026-03-01,EUR,usd,1", "line 3: line 2 has the same date"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(
    line: str, complaint: str, settings: Settings, tmp_path: Path
) -> None:
    """The former rates stay as they were."""
    import_file(settings, written(tmp_path, HEADER + "2026-01-01,eur,usd,1\n"))
    with pytest.raises(BadRates) as refused:
        import_file(settings, written(tmp_path, HEADER + line + "\n"))
    assert complaint in str(refused.value)
    assert len(read_rates(tmp_path / "exchange_rates.csv")) == 1


def test_a_wrong_header_and_a_missing_file_are_named(tmp_path: Path) -> None:
    """The message says what the header must be."""
    with pytest.raises(BadRates, match="line 1: the header must be date,from_currency"):
        read_rates(written(tmp_path, "day,from,to,rate\n"))
    with pytest.raises(BadRates, match="cannot be read"):
        read_rates(tmp_path / "nowhere.csv")
