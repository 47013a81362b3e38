{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'coupon_id'],
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('coupons') }}
),

newest as not materialized (
    {{ newest_landed('landed') }}
),

parsed as (
    select
        account_id,
        id,
        read_at,
        read_order,
        deletion_seen_at,
        from_json(
            object,
            '{
                "created": "BIGINT", "name": "VARCHAR", "duration": "VARCHAR",
                "duration_in_months": "BIGINT", "percent_off": "VARCHAR", "amount_off": "BIGINT",
                "currency": "VARCHAR", "valid": "BOOLEAN", "applies_to": {"products": ["VARCHAR"]}
            }'
        ) as c
    from newest
),

renamed as (
    select
        account_id,
        id as coupon_id,
        read_at,
        read_order,
        deletion_seen_at,
        {{ utc('c.created') }} as created_at,
        c.name,
        c.duration,
        c.duration_in_months,
        cast(c.percent_off as decimal(12, 6)) as percent_off,
        c.amount_off as amount_off_minor,
        lower(c.currency) as currency,
        coalesce(c.valid, false) as is_valid,
        c.applies_to.products as product_ids
    from parsed
),

final as (
    {{ newest_of_landed_and_known('renamed', 'landed', 'coupon_id') }}
)

select * from final
