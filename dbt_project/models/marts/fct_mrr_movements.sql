{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_kept': true},
    pre_hook="{{ forget_listed('customer_id', ref('int_customers_touched')) }}",
    post_hook="{{ remember_fact(ref('int_customers_touched')) }}"
) }}
{%- set touched = ref('int_customers_touched') %}

with changes as (
    {{ listed_of(ref('int_customer_mrr_changed'), 'customer_id', touched) }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

final as (
    select
        changes.account_id,
        changes.customer_id,
        changes.currency,
        changes.day,
        changes.movement,
        {{ major_of_micros('changes.change_micros', 'changes.currency') }} as mrr_change,
        {{ major_of_micros('changes.opening_micros', 'changes.currency') }} as opening_mrr,
        {{ major_of_micros('changes.closing_micros', 'changes.currency') }} as closing_mrr,
        changes.subscription_id,
        {{ stripe_url(
            'subscriptions', 'changes.subscription_id', 'changes.account_id', 'clock.is_live'
        ) }} as stripe_url
    from changes
    inner join clock
        on changes.account_id = clock.account_id
    where changes.day >= clock.first_day
)

select * from final
