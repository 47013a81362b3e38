with spans as (
    select * from {{ ref('int_subscription_item_spans_merged') }}
),

final as (
    select
        account_id,
        subscription_id,
        item_id,
        valid_from,
        valid_to,
        first_day,
        day_after_last,
        customer_id,
        currency,
        price_id,
        product_id,
        quantity,
        status,
        {{ major_of_micros('mrr_gross_micros', 'currency') }} as mrr_gross,
        {{ major_of_micros('mrr_micros', 'currency') }} as mrr,
        {{ major_of_micros('mrr_net_micros', 'currency') }} as mrr_net,
        source as mrr_source,
        is_estimated
    from spans
)

select * from final
