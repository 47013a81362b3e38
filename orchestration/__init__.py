"""When, in what order, for whom: the Dagster code location.

Assets, partitions, jobs, schedules, sensors and checks. The work itself is done by
`dlt_sources` (Stripe's pages to rows) and `dbt_project` (rows to numbers); what is known
about accounts comes from `connections`. Avoid placing SQL, HTTP or token handling here.
"""

import warnings

from dagster import BetaWarning

# Single-run backfills have been "beta" for years; the notice would head every command.
warnings.filterwarnings("ignore", category=BetaWarning)
