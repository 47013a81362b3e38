"""The marts beside `metrics_daily` that the oracle knows.

Belongs here: the table of them; their keys are in `tests/dbt_project/comparing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.oracle.days import Days, Oracle
from tests.oracle.items import movement_items
from tests.oracle.months import cohorts, months
from tests.oracle.ranking import plan_mix, top_customers
from tests.oracle.reporting import (
    Rates,
    days_in_reporting_currency,
    movements_in_reporting_currency,
)
from tests.oracle.revenue import by_country, by_product

Marts = Mapping[str, Mapping[tuple[Any, ...], Mapping[str, Any]]]
NO_RATES = Rates()


def marts(oracle: Oracle, numbers: Days, rates: Rates = NO_RATES) -> Marts:
    """Return every row of each mart by its key.

    Args:
        oracle: The account.
        numbers: Its `metrics_daily`, as the oracle knows it.
        rates: Exchange rates into the reporting currency, if there is one.
    """
    return {
        "metrics_monthly": months(oracle),
        "metrics_daily_reporting": days_in_reporting_currency(numbers, rates),
        "fct_mrr_movements_reporting": movements_in_reporting_currency(oracle, rates),
        "fct_mrr_movement_items": movement_items(oracle),
        "rpt_cohort_retention": cohorts(oracle),
        "rpt_revenue_by_product": by_product(oracle),
        "rpt_revenue_by_country": by_country(oracle),
        "rpt_plan_mix": plan_mix(oracle),
        "rpt_top_customers": top_customers(oracle),
    }
