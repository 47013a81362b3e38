with prices as (
    select * from {{ ref('int_prices_gathered') }}
),

final as (
    select
        account_id,
        price_id,
        product_id,
        nickname,
        currency,
        price_type,
        billing_scheme,
        tiers_mode,
        billing_interval,
        interval_count,
        usage_type,
        tax_behavior,
        cast(
            cast(unit_amount as decimal(24, 12))
            * {{ thousandths_per_minor('currency') }}
            * cast(0.001 as decimal(3, 3)) as decimal(38, 15)
        ) as unit_price,
        created_at,
        is_active,
        is_inline,
        is_deleted
    from prices
)

select * from final
