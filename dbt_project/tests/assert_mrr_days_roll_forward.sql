{{ config(meta={'dagster': {'ref': {'name': 'metrics_daily'}}}) }}

-- Each day of each account: closing = opening + its movements = the movements of its customers
-- added to the day before, and at the end the sum of the spans in force.
with days as (
    select * from {{ ref('metrics_daily') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

spans as (
    select * from {{ ref('fct_subscription_item_spans') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

moved as (
    select
        account_id,
        currency,
        day,
        sum(mrr_change) as mrr_change
    from movements
    group by account_id, currency, day
),

in_force as (
    select
        account_id,
        currency,
        sum(mrr) as mrr
    from spans
    where day_after_last is null
    group by account_id, currency
),

followed as (
    select
        days.*,
        accounts.today,
        coalesce(moved.mrr_change, 0) as mrr_moved,
        coalesce(in_force.mrr, 0) as mrr_in_force,
        lag(days.mrr, 1, days.mrr_opening) over (
            partition by days.account_id, days.currency
            order by days.day
        ) as previous_mrr
    from days
    inner join accounts
        on days.account_id = accounts.account_id
    left join moved
        on
            days.account_id = moved.account_id
            and days.currency = moved.currency
            and days.day = moved.day
    left join in_force
        on
            days.account_id = in_force.account_id
            and days.currency = in_force.currency
)

select *
from followed
where
    mrr_opening != previous_mrr
    or mrr != mrr_opening + mrr_moved
    or mrr_moved != mrr_new + mrr_reactivation + mrr_expansion + mrr_contraction + mrr_churn
    or (day = today and mrr != mrr_in_force)
