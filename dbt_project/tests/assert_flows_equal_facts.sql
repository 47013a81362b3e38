{{ config(meta={'dagster': {'ref': {'name': 'metrics_daily'}}}) }}

-- What the days sum to is what the facts hold within the window: nothing lost, nothing twice.
with days as (
    select * from {{ ref('metrics_daily') }}
),

attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

refunds as (
    select * from {{ ref('fct_refunds') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

facts as (
    select
        account_id,
        currency,
        day,
        captured_amount as gross_revenue,
        0 as refunds,
        0 as invoiced_revenue
    from attempts
    union all
    select
        account_id,
        currency,
        day,
        0 as gross_revenue,
        counted_amount as refunds,
        0 as invoiced_revenue
    from refunds
    union all
    select
        account_id,
        currency,
        revenue_day as day,
        0 as gross_revenue,
        0 as refunds,
        total_excluding_tax as invoiced_revenue
    from invoices
    where revenue_day is not null
),

expected as (
    select
        facts.account_id,
        facts.currency,
        sum(facts.gross_revenue) as gross_revenue,
        sum(facts.refunds) as refunds,
        sum(facts.invoiced_revenue) as invoiced_revenue
    from facts
    inner join accounts
        on
            facts.account_id = accounts.account_id
            and facts.day >= accounts.first_day
            and facts.day <= accounts.today
    group by facts.account_id, facts.currency
),

found as (
    select
        account_id,
        currency,
        sum(gross_revenue) as gross_revenue,
        sum(refunds) as refunds,
        sum(invoiced_revenue) as invoiced_revenue
    from days
    group by account_id, currency
)

select expected.*
from expected
left join found
    on
        expected.account_id = found.account_id
        and expected.currency = found.currency
where
    found.account_id is null
    or expected.gross_revenue != found.gross_revenue
    or expected.refunds != found.refunds
    or expected.invoiced_revenue != found.invoiced_revenue
