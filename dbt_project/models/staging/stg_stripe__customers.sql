{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'customer_id'],
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('customers') }}
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
                "created": "BIGINT", "livemode": "BOOLEAN", "name": "VARCHAR", "email": "VARCHAR", "currency": "VARCHAR",
                "delinquent": "BOOLEAN", "address": {"country": "VARCHAR"}, "discount": "JSON"
            }'
        ) as c
    from newest
),

renamed as (
    select
        account_id,
        id as customer_id,
        read_at,
        read_order,
        deletion_seen_at,
        {{ utc('c.created') }} as created_at,
        c.livemode as is_live,
        c.name,
        c.email,
        lower(c.currency) as currency,
        coalesce(c.delinquent, false) as is_delinquent,
        c.address.country,
        case
            when json_type(c.discount) = 'OBJECT' then {{ parsed_discounts('[c.discount]') }}
            else {{ parsed_discounts('cast([] as json[])') }}
        end as discounts
    from parsed
),

final as (
    {{ newest_of_landed_and_known('renamed', 'landed', 'customer_id') }}
)

select * from final
