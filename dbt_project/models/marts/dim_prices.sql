with prices as (
    select * from {{ ref('int_prices_gathered') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

final as (
    select
        prices.account_id,
        prices.price_id,
        prices.product_id,
        prices.nickname,
        prices.currency,
        prices.price_type,
        prices.billing_scheme,
        prices.tiers_mode,
        prices.billing_interval,
        prices.interval_count,
        prices.usage_type,
        prices.tax_behavior,
        cast(
            cast(prices.unit_amount as decimal(24, 12))
            * {{ thousandths_per_minor('prices.currency') }}
            * cast(0.001 as decimal(3, 3)) as decimal(38, 15)
        ) as unit_price,
        prices.created_at,
        prices.is_active,
        prices.is_inline,
        prices.is_deleted,
        {{ stripe_url('prices', 'prices.price_id', 'prices.account_id', 'clock.is_live') }}
            as stripe_url
    from prices
    inner join clock
        on prices.account_id = clock.account_id
)

select * from final
