{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'metrics_daily_reporting'}}}) }}

-- Each day whose total in the reporting currency is unknown, and the currencies that lack a rate.
with days as (
    select * from {{ ref('metrics_daily_reporting') }}
)

select
    account_id,
    day,
    missing_rates,
    'no rate from ' || missing_rates || ' to ' || reporting_currency || ' on ' || day as warning
from days
where missing_rates is not null
