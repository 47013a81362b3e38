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

movements as (
    {{ listed_of(ref('int_customer_mrr_changed'), 'customer_id', touched) }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

-- Spans as the closes of days see them: what begins and ends between two closes never was.
closed as (
    select
        spans.*,
        clock.first_day as first_shown_day,
        clock.is_live
    from spans
    inner join clock
        on spans.account_id = clock.account_id
    where spans.day_after_last is null or spans.first_day < spans.day_after_last
),

sides as (
    select
        account_id,
        subscription_id,
        item_id,
        first_day as day,
        customer_id,
        currency,
        is_live,
        null as price_id_before,
        price_id as price_id_after,
        null as quantity_before,
        quantity as quantity_after,
        null as micros_before,
        mrr_micros as micros_after,
        null as source_before,
        source as source_after,
        null as was_estimated,
        is_estimated
    from closed
    where first_day >= first_shown_day
    union all by name
    select
        account_id,
        subscription_id,
        item_id,
        day_after_last as day,
        customer_id,
        currency,
        is_live,
        price_id as price_id_before,
        quantity as quantity_before,
        mrr_micros as micros_before,
        source as source_before,
        is_estimated as was_estimated
    from closed
    where day_after_last >= first_shown_day
),

items as (
    select
        account_id,
        subscription_id,
        item_id,
        day,
        any_value(customer_id) as customer_id,
        any_value(currency) as currency,
        any_value(is_live) as is_live,
        max(price_id_before) as price_id_before,
        max(price_id_after) as price_id_after,
        max(quantity_before) as quantity_before,
        max(quantity_after) as quantity_after,
        coalesce(max(micros_before), 0) as micros_before,
        coalesce(max(micros_after), 0) as micros_after,
        coalesce(max(source_after), max(source_before)) as source,
        coalesce(bool_or(is_estimated), bool_or(was_estimated)) as is_estimated
    from sides
    group by account_id, subscription_id, item_id, day
    having coalesce(max(micros_before), 0) != coalesce(max(micros_after), 0)
),

final as (
    select
        items.account_id,
        items.customer_id,
        items.currency,
        items.day,
        movements.movement,
        items.subscription_id,
        items.item_id,
        items.price_id_before,
        items.price_id_after,
        items.quantity_before,
        items.quantity_after,
        {{ major_of_micros('items.micros_before', 'items.currency') }} as mrr_before,
        {{ major_of_micros('items.micros_after', 'items.currency') }} as mrr_after,
        {{ major_of_micros('(items.micros_after - items.micros_before)', 'items.currency') }}
            as mrr_change,
        items.source as mrr_source,
        items.is_estimated,
        {{ stripe_url(
            'subscriptions', 'items.subscription_id', 'items.account_id', 'items.is_live'
        ) }} as stripe_url
    from items
    inner join movements
        on
            items.account_id = movements.account_id
            and items.customer_id = movements.customer_id
            and items.currency = movements.currency
            and items.day = movements.day
)

select * from final
