{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_kept': true},
    pre_hook="{{ forget_listed('subscription_id', ref('int_spans_touched')) }}",
    post_hook="{{ remember_fact(ref('int_spans_touched')) }}"
) }}
{%- set touched = ref('int_spans_touched') %}

with spans as (
    {{ listed_of(ref('int_subscription_item_spans_merged'), 'subscription_id', touched) }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

final as (
    select
        spans.account_id,
        spans.subscription_id,
        spans.item_id,
        spans.valid_from,
        spans.valid_to,
        spans.first_day,
        spans.day_after_last,
        spans.customer_id,
        spans.currency,
        spans.price_id,
        spans.product_id,
        spans.quantity,
        spans.status,
        {{ major_of_micros('spans.mrr_gross_micros', 'spans.currency') }} as mrr_gross,
        {{ major_of_micros('spans.mrr_micros', 'spans.currency') }} as mrr,
        {{ major_of_micros('spans.mrr_net_micros', 'spans.currency') }} as mrr_net,
        spans.source as mrr_source,
        spans.is_estimated,
        {{ stripe_url(
            'subscriptions', 'spans.subscription_id', 'spans.account_id', 'clock.is_live'
        ) }} as stripe_url
    from spans
    inner join clock
        on spans.account_id = clock.account_id
)

select * from final
