"""The marts beside `metrics_daily` that the oracle knows.

Belongs here: the table of them; their keys are in `tests/dbt_project/comparing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.oracle.days import Oracle, Value
from tests.oracle.months import cohorts, months
from tests.oracle.ranking import plan_mix, top_customers
from tests.oracle.revenue import by_country, by_product


def marts(oracle: Oracle) -> Mapping[str, Mapping[tuple[Any, ...], Mapping[str, Value]]]:
    """Return every row of each mart by its key."""
    return {
        "metrics_monthly": months(oracle),
        "rpt_cohort_retention": cohorts(oracle),
        "rpt_revenue_by_product": by_product(oracle),
        "rpt_revenue_by_country": by_country(oracle),
        "rpt_plan_mix": plan_mix(oracle),
        "rpt_top_customers": top_customers(oracle),
    }
