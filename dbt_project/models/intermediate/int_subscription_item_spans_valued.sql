{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'follows_touched': true},
    pre_hook="{{ forget_touched() }}",
    post_hook=["{{ remember_code() }}", "{{ remember_touched() }}"]
) }}

with items as (
    {{ touched_of(ref('int_subscription_items_priced')) }}
),

discounted as (
    {{ touched_of(ref('int_subscription_items_discounted')) }}
),

-- Months, then tax, then the one rounding: to a millionth of a minor unit.
valued as (
    select
        items.*,
        case
            when items.has_mrr
                then {{ half_up(
                    'items.amount_numerator * items.monthly_numerator'
                    ~ ' * items.untaxed_numerator * 1000000',
                    'items.amount_denominator * items.monthly_denominator'
                    ~ ' * items.untaxed_denominator'
                ) }}
            else 0
        end as mrr_gross_micros,
        case
            when items.has_mrr and after_forever.item_id is not null
                then {{ half_up(
                    'after_forever.amount_numerator * items.monthly_numerator'
                    ~ ' * items.untaxed_numerator * 1000000',
                    'after_forever.amount_denominator * items.monthly_denominator'
                    ~ ' * items.untaxed_denominator'
                ) }}
        end as mrr_after_forever_micros,
        case
            when items.has_mrr and after_all.item_id is not null
                then {{ half_up(
                    'after_all.amount_numerator * items.monthly_numerator'
                    ~ ' * items.untaxed_numerator * 1000000',
                    'after_all.amount_denominator * items.monthly_denominator'
                    ~ ' * items.untaxed_denominator'
                ) }}
        end as mrr_after_all_micros
    from items
    left join discounted as after_forever
        on
            items.account_id = after_forever.account_id
            and items.subscription_id = after_forever.subscription_id
            and items.valid_from = after_forever.valid_from
            and items.item_id = after_forever.item_id
            and after_forever.discounts_taken = 'forever'
    left join discounted as after_all
        on
            items.account_id = after_all.account_id
            and items.subscription_id = after_all.subscription_id
            and items.valid_from = after_all.valid_from
            and items.item_id = after_all.item_id
            and after_all.discounts_taken = 'all'
),

measured as (
    select
        account_id,
        subscription_id,
        item_id,
        valid_from,
        valid_to,
        customer_id,
        currency,
        price_id,
        product_id,
        quantity,
        status,
        is_active,
        source,
        is_estimated,
        mrr_gross_micros,
        {% if policy('mrr_discounts') == 'none' -%}
        mrr_gross_micros as mrr_micros,
        {% elif policy('mrr_discounts') == 'all' -%}
        coalesce(mrr_after_all_micros, mrr_gross_micros) as mrr_micros,
        {% else -%}
        coalesce(mrr_after_forever_micros, mrr_gross_micros) as mrr_micros,
        {% endif -%}
        coalesce(mrr_after_all_micros, mrr_gross_micros) as mrr_net_micros
    from valued
),

{%- set attributes = [
    'customer_id', 'currency', 'price_id', 'product_id', 'quantity', 'status', 'is_active',
    'source', 'is_estimated', 'mrr_gross_micros', 'mrr_micros', 'mrr_net_micros'
] %}

flagged as (
    select
        *,
        case
            when
                valid_from = lag(valid_to) over item_segments
                {% for attribute in attributes -%}
                and {{ attribute }} is not distinct from lag({{ attribute }}) over item_segments
                {% endfor -%}
                then 0
            else 1
        end as is_change
    from measured
    window item_segments as (
        partition by account_id, subscription_id, item_id
        order by valid_from
    )
),

numbered as (
    select
        *,
        sum(is_change) over (
            partition by account_id, subscription_id, item_id
            order by valid_from
        ) as span_number
    from flagged
),

merged as (
    select
        account_id,
        subscription_id,
        item_id,
        span_number,
        min(valid_from) as valid_from,
        case when bool_and(valid_to is not null) then max(valid_to) end as valid_to,
        {% for attribute in attributes -%}
        any_value({{ attribute }}) as {{ attribute }}{{ "," if not loop.last }}
        {% endfor %}
    from numbered
    group by account_id, subscription_id, item_id, span_number
)

select * exclude (span_number) from merged
