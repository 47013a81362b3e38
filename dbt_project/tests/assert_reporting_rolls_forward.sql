{{ config(meta={'dagster': {'ref': {'name': 'metrics_daily_reporting'}}}) }}

-- In the reporting currency too: closing = opening + movements, of which fx is one; and the
-- movements of customers sum to those of the day.
with days as (
    select * from {{ ref('metrics_daily_reporting') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements_reporting') }}
),

summed as (
    select
        account_id,
        day,
        sum(mrr_change) as change,
        count(*) != count(mrr_change) as is_unknown
    from movements
    group by account_id, day
)

select
    days.account_id,
    days.day,
    days.mrr,
    days.mrr_opening,
    summed.change
from days
left join summed
    on
        days.account_id = summed.account_id
        and days.day = summed.day
where
    days.mrr != days.mrr_opening + days.mrr_fx + days.mrr_new + days.mrr_reactivation
    + days.mrr_expansion + days.mrr_contraction + days.mrr_churn
    or (
        not coalesce(summed.is_unknown, false)
        and days.mrr - days.mrr_opening != coalesce(summed.change, 0)
    )
