{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_kept': true},
    pre_hook="{{ forget_listed('subscription_id', ref('int_spans_touched')) }}",
    post_hook="{{ remember_fact(ref('int_spans_touched')) }}"
) }}
{%- set touched = ref('int_spans_touched') %}

with subscriptions as (
    {{ listed_of(ref('stg_stripe__subscriptions'), 'subscription_id', touched) }}
),

segments as (
    {{ listed_of(ref('int_subscription_segments_cut'), 'subscription_id', touched) }}
),

spans as (
    {{ listed_of(ref('int_subscription_item_spans_merged'), 'subscription_id', touched) }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

activity as (
    select
        account_id,
        subscription_id,
        min(valid_from) as first_active_at
    from segments
    where is_active
    group by account_id, subscription_id
),

current_mrr as (
    select
        account_id,
        subscription_id,
        sum(mrr_micros) as mrr_micros,
        count(*) as items
    from spans
    where day_after_last is null
    group by account_id, subscription_id
),

final as (
    select
        subscriptions.account_id,
        subscriptions.subscription_id,
        subscriptions.customer_id,
        subscriptions.currency,
        subscriptions.status,
        subscriptions.collection_method,
        subscriptions.pause_behavior,
        subscriptions.created_at,
        subscriptions.started_at,
        subscriptions.trial_started_at,
        subscriptions.trial_ends_at,
        activity.first_active_at,
        subscriptions.canceled_at,
        subscriptions.cancel_at_period_end,
        subscriptions.ended_at,
        coalesce(current_mrr.items, 0) as items,
        {{ major_of_micros(
            'cast(coalesce(current_mrr.mrr_micros, 0) as hugeint)', 'subscriptions.currency'
        ) }} as mrr,
        {{ stripe_url(
            'subscriptions', 'subscriptions.subscription_id', 'subscriptions.account_id',
            'clock.is_live'
        ) }} as stripe_url
    from subscriptions
    inner join clock
        on subscriptions.account_id = clock.account_id
    left join activity
        on
            subscriptions.account_id = activity.account_id
            and subscriptions.subscription_id = activity.subscription_id
    left join current_mrr
        on
            subscriptions.account_id = current_mrr.account_id
            and subscriptions.subscription_id = current_mrr.subscription_id
)

select * from final
