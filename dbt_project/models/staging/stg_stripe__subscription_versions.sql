{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('subscriptions') }}
),

parsed as (
    select
        account_id,
        id,
        read_at,
        read_order,
        from_json(
            object,
            '{{ subscription_structure() }}'
        ) as s
    from landed
    where not deleted
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
    qualify row_number() over (
        partition by account_id, id, read_at, read_order
    ) = 1
)

select * from final
