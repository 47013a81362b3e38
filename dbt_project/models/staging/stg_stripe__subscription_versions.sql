{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('subscriptions') }}
),

-- Only the keys are grouped; the subscriptions stream past, found by their row.
readings as (
    select max(landed_row) as landed_row
    from landed
    where not deleted
    group by account_id, id, read_at, read_order
),

parsed as (
    select
        landed.account_id,
        landed.id,
        landed.read_at,
        landed.read_order,
        from_json(
            landed.object,
            '{{ subscription_structure() }}'
        ) as s
    from landed
    inner join readings
        on landed.landed_row = readings.landed_row
),

final as (
    select
        account_id,
        id as subscription_id,
        read_at,
        read_order,
        {{ subscription_columns() }},
        list_transform(coalesce(s.items.data, []), lambda item: item.price) as prices
    from parsed
)

select * from final
