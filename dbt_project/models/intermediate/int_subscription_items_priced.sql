{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'follows_touched': true},
    pre_hook="{{ forget_touched() }}",
    post_hook="{{ remember_code() }}"
) }}

with segments as (
    {{ touched_of(ref('int_subscription_segments_cut')) }}
),

item_states as (
    {{ touched_of(ref('int_subscription_item_states_dated')) }}
),

prices as (
    select * from {{ ref('int_prices_gathered') }}
),

lines as (
    {{ touched_of(ref('stg_stripe__invoice_line_items')) }}
),

-- What a price asks for in each currency: its own, and those of its options.
asked as (
    select
        account_id,
        price_id,
        currency,
        unit_amount,
        tiers
    from prices
    union all
    select
        account_id,
        price_id,
        option.currency,
        option.unit_amount,
        option.tiers
    from (
        select
            account_id,
            price_id,
            currency,
            unnest(currency_options) as option
        from prices
    )
    where option.currency != currency
),

currencies as (
    select distinct
        account_id,
        subscription_id,
        currency
    from segments
),

-- Packages: transform_quantity comes before the price.
quantities as (
    select distinct
        item_states.account_id,
        item_states.price_id,
        item_states.quantity,
        asked.currency,
        case
            when prices.usage_type = 'metered' then 0
            when prices.divide_by is null then coalesce(item_states.quantity, 0)
            when prices.divide_round = 'up'
                then (coalesce(item_states.quantity, 0) + prices.divide_by - 1) // prices.divide_by
            else coalesce(item_states.quantity, 0) // prices.divide_by
        end as units,
        prices.usage_type,
        prices.billing_scheme,
        prices.tiers_mode,
        asked.unit_amount,
        list_transform(asked.tiers, lambda tier, n: {
            'above': case when n = 1 then 0 else asked.tiers[n - 1].up_to end,
            'up_to': tier.up_to,
            'unit_amount': {{ twelfths('tier.unit_amount') }},
            'flat_amount': {{ twelfths('tier.flat_amount') }}
        }) as tiers
    from item_states
    inner join prices
        on
            item_states.account_id = prices.account_id
            and item_states.price_id = prices.price_id
    inner join currencies
        on
            item_states.account_id = currencies.account_id
            and item_states.subscription_id = currencies.subscription_id
    inner join asked
        on
            item_states.account_id = asked.account_id
            and item_states.price_id = asked.price_id
            and currencies.currency = asked.currency
),

-- What one period costs before discounts, in 10⁻¹² minor units.
amounts as (
    select
        account_id,
        price_id,
        quantity,
        currency,
        units,
        cast(case
            when usage_type = 'metered' then 0
            when billing_scheme = 'per_unit'
                then cast(units as hugeint) * coalesce({{ twelfths('unit_amount') }}, 0)
            when len(tiers) = 0 then 0
            when units = 0 then tiers[1].flat_amount
            when tiers_mode = 'volume'
                then list_sum(list_transform(
                    list_filter(
                        tiers,
                        lambda tier: units > tier.above
                        and units <= coalesce(tier.up_to, units)
                    ),
                    lambda tier: units * tier.unit_amount + tier.flat_amount
                ))
            else list_sum(list_transform(
                list_filter(tiers, lambda tier: units > tier.above),
                lambda tier:
                (least(units, coalesce(tier.up_to, units)) - tier.above) * tier.unit_amount
                + tier.flat_amount
            ))
        end as hugeint) as amount_twelfths
    from quantities
),

-- The share of an inclusive price that is not tax, from the newest line of a full period: a
-- line's amount is before discounts, its tax after them.
tax_shares as (
    select
        account_id,
        subscription_item_id as item_id,
        price_id,
        amount_minor - discount_minor - inclusive_tax_minor as untaxed_numerator,
        amount_minor - discount_minor as untaxed_denominator
    from lines
    where
        not is_proration
        and not is_credit
        and subscription_item_id is not null
        and amount_minor > discount_minor
    qualify row_number() over (
        partition by account_id, subscription_item_id, price_id
        order by period_starts_at desc, invoice_created_at desc
    ) = 1
),

joined as (
    select
        segments.account_id,
        segments.subscription_id,
        segments.customer_id,
        segments.currency,
        segments.valid_from,
        segments.valid_to,
        segments.status,
        segments.is_active,
        segments.has_mrr,
        case
            when segments.is_reconstructed then item_states.source
            else segments.source
        end as source,
        item_states.is_estimated or segments.is_state_estimated as is_estimated,
        item_states.item_id,
        item_states.position,
        item_states.price_id,
        prices.product_id,
        item_states.quantity,
        item_states.discount_ids,
        coalesce(amounts.units, 0) as units,
        coalesce(amounts.amount_twelfths, 0) as amount_twelfths,
        cast(coalesce(prices.monthly_numerator, 0) as hugeint) as monthly_numerator,
        cast(coalesce(prices.monthly_denominator, 1) as hugeint) as monthly_denominator,
        cast(coalesce(tax_shares.untaxed_numerator, 1) as hugeint) as untaxed_numerator,
        cast(coalesce(tax_shares.untaxed_denominator, 1) as hugeint) as untaxed_denominator
    from segments
    inner join item_states
        on
            segments.account_id = item_states.account_id
            and segments.subscription_id = item_states.subscription_id
            and segments.valid_from >= item_states.valid_from
            and (item_states.valid_to is null or segments.valid_from < item_states.valid_to)
    left join prices
        on
            item_states.account_id = prices.account_id
            and item_states.price_id = prices.price_id
    left join amounts
        on
            item_states.account_id = amounts.account_id
            and item_states.price_id = amounts.price_id
            and item_states.quantity is not distinct from amounts.quantity
            and segments.currency = amounts.currency
    left join tax_shares
        on
            item_states.account_id = tax_shares.account_id
            and item_states.item_id = tax_shares.item_id
            and item_states.price_id = tax_shares.price_id
),

-- Fractions in lowest terms keep the products of several discounts within HUGEINT.
final as (
    select
        * exclude (amount_twelfths, untaxed_numerator, untaxed_denominator),
        amount_twelfths // gcd(amount_twelfths, cast(1000000000000 as hugeint))
            as amount_numerator,
        1000000000000 // gcd(amount_twelfths, cast(1000000000000 as hugeint))
            as amount_denominator,
        untaxed_numerator // gcd(untaxed_numerator, untaxed_denominator) as untaxed_numerator,
        untaxed_denominator // gcd(untaxed_numerator, untaxed_denominator) as untaxed_denominator
    from joined
)

select * from final
