{{ config(meta={'dagster': {'ref': {'name': 'metrics_daily'}}}) }}

-- Every account has each of its currencies on each day from the first to today.
with days as (
    select * from {{ ref('metrics_daily') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

counted as (
    select
        account_id,
        currency,
        count(*) as days,
        min(day) as first_day,
        max(day) as last_day
    from days
    group by account_id, currency
)

select
    accounts.account_id,
    counted.currency
from accounts
left join counted
    on accounts.account_id = counted.account_id
where
    counted.account_id is null
    or counted.first_day != accounts.first_day
    or counted.last_day != accounts.today
    or counted.days != accounts.today - accounts.first_day + 1
