{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_kept': true},
    pre_hook="{{ forget_listed('customer_id', ref('int_customers_touched')) }}",
    post_hook="{{ remember_fact(ref('int_customers_touched')) }}"
) }}
{%- set touched = ref('int_customers_touched') %}

with spans as (
    {{ listed_of(ref('int_subscription_item_spans_merged'), 'customer_id', touched) }}
),

deltas as (
    select
        account_id,
        customer_id,
        currency,
        first_day as day,
        mrr_micros,
        subscription_id
    from spans
    where day_after_last is null or first_day < day_after_last
    union all
    select
        account_id,
        customer_id,
        currency,
        day_after_last as day,
        -mrr_micros as mrr_micros,
        subscription_id
    from spans
    where first_day < day_after_last
),

daily as (
    select
        account_id,
        customer_id,
        currency,
        day,
        sum(mrr_micros) as change_micros,
        arg_max(subscription_id, (abs(mrr_micros), subscription_id)) as subscription_id
    from deltas
    where mrr_micros != 0
    group by account_id, customer_id, currency, day
    having sum(mrr_micros) != 0
),

closings as (
    select
        *,
        sum(change_micros) over (
            partition by account_id, customer_id, currency
            order by day
        ) as closing_micros
    from daily
),

openings as (
    select
        *,
        closing_micros - change_micros as opening_micros,
        lag(day) over (
            partition by account_id, customer_id, currency
            order by day
        ) as previous_day,
        lead(day) over (
            partition by account_id, customer_id, currency
            order by day
        ) as next_day
    from closings
),

final as (
    select
        account_id,
        customer_id,
        currency,
        day,
        next_day,
        subscription_id,
        cast(opening_micros as hugeint) as opening_micros,
        cast(change_micros as hugeint) as change_micros,
        cast(closing_micros as hugeint) as closing_micros,
        case
            when closing_micros = 0 then 'churn'
            when opening_micros = 0 and previous_day is null then 'new'
            {% if policy('reactivation_window_days') != 'unlimited' -%}
            when
                opening_micros = 0
                and day > previous_day + {{ policy('reactivation_window_days') }}
                then 'new'
            {% endif -%}
            when opening_micros = 0 then 'reactivation'
            when closing_micros > opening_micros then 'expansion'
            else 'contraction'
        end as movement
    from openings
)

select * from final
