{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'price_id'],
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('prices') }}
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
            '{{ price_structure() }}'
        ) as p
    from newest
),

renamed as (
    select
        account_id,
        id as price_id,
        read_at,
        read_order,
        deletion_seen_at,
        {{ price_columns() }}
    from parsed
),

final as (
    {{ newest_of_landed_and_known('renamed', 'landed', 'price_id') }}
)

select * from final
