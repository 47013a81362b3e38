{{ config(meta={'dagster': {'ref': {'name': 'metrics_daily'}}}) }}

-- Whoever follows a number down finds all of it: items make up movements, revenue lines make up
-- revenue, prices make up the MRR of a month.
with days as (
    select * from {{ ref('metrics_daily') }}
),

months as (
    select * from {{ ref('metrics_monthly') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

items as (
    select * from {{ ref('fct_mrr_movement_items') }}
),

lines as (
    select * from {{ ref('fct_revenue_lines') }}
),

mix as (
    select * from {{ ref('rpt_plan_mix') }}
),

pairs as (
    select
        'movement ' || movement || ' of ' || customer_id as what,
        account_id,
        currency,
        day,
        mrr_change as whole,
        0 as part
    from movements
    union all
    select
        'movement ' || movement || ' of ' || customer_id as what,
        account_id,
        currency,
        day,
        0 as whole,
        mrr_change as part
    from items
    union all
    select
        unnest(['charge', 'refund', 'dispute']) as what,
        account_id,
        currency,
        day,
        unnest([gross_revenue, -refunds, -disputes]) as whole,
        0 as part
    from days
    union all
    select
        kind as what,
        account_id,
        currency,
        day,
        0 as whole,
        amount as part
    from lines
    union all
    select
        'plans' as what,
        account_id,
        currency,
        month as day,
        mrr as whole,
        0 as part
    from months
    union all
    select
        'plans' as what,
        account_id,
        currency,
        month as day,
        0 as whole,
        mrr as part
    from mix
)

select
    what,
    account_id,
    currency,
    day,
    sum(whole) as whole,
    sum(part) as part
from pairs
group by what, account_id, currency, day
having sum(whole) != sum(part)
