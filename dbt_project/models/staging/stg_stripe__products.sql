{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'product_id'],
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('products') }}
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
                "created": "BIGINT", "name": "VARCHAR", "active": "BOOLEAN", "description": "VARCHAR",
                "unit_label": "VARCHAR"
            }'
        ) as p
    from newest
),

renamed as (
    select
        account_id,
        id as product_id,
        read_at,
        read_order,
        deletion_seen_at,
        {{ utc('p.created') }} as created_at,
        p.name,
        p.description,
        p.unit_label,
        coalesce(p.active, false) as is_active
    from parsed
),

final as (
    {{ newest_of_landed_and_known('renamed', 'landed', 'product_id') }}
)

select * from final
