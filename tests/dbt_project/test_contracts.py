"""No mart loses a column, or changes its type, in silence."""

import re

import pytest
import yaml

from tests.dbt_project.contracts import CHANGELOG, MARTS, broken, grown, promised, remembered

KNOWN = {"fct_payments": {"amount": ["decimal(18,3)"], "day": ["date"]}}


def test_every_promise_is_kept_or_spoken_of() -> None:
    assert broken(remembered(), promised(), CHANGELOG.read_text()) == []


def test_the_snapshot_knows_every_column() -> None:
    """If not: python -m tests.dbt_project.contracts."""
    now = promised()

    assert len(now) >= 15
    assert grown(remembered(), now) == remembered()


@pytest.mark.parametrize(
    ("now", "fault"),
    [
        ({"amount": "decimal(18,3)"}, "fct_payments.day is gone"),
        ({"amount": "double", "day": "date"}, "fct_payments.amount is double and was decimal"),
    ],
)
def test_silence_is_noticed(now: dict[str, str], fault: str) -> None:
    found = broken(KNOWN, {"fct_payments": now}, "The `day` of `fct_payments` is nice.")

    assert [each[: len(fault)] for each in found] == [fault]
    named = fault.split(" ")[0]
    assert broken(KNOWN, {"fct_payments": now}, f"- `{named}`: read another.") == []


def test_a_removed_mart_is_noticed() -> None:
    assert len(broken(KNOWN, {}, "")) == 2


def test_what_is_gone_stays_known() -> None:
    now = {"fct_payments": {"amount": "double", "tax": "date"}, "dim_days": {"day": "date"}}

    assert grown(KNOWN, now) == {
        "dim_days": {"day": ["date"]},
        "fct_payments": {
            "amount": ["decimal(18,3)", "double"],
            "day": ["date"],
            "tax": ["date"],
        },
    }


def test_exposures_depend_on_marts_alone() -> None:
    exposures = yaml.safe_load((MARTS.parent / "_exposures.yml").read_text())["exposures"]
    used = {
        name
        for each in exposures
        for ref in each["depends_on"]
        for name in re.findall(r"'(.+)'", ref)
    }

    assert len(exposures) >= 4
    assert used <= set(promised())
