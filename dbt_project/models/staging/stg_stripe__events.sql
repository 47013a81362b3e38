{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('events') }}
),

-- Only the keys are grouped; the events stream past, found by their row.
first_read as (
    select min({'read_at': read_at, 'landed_row': landed_row}) as reading
    from landed
    {% if is_incremental() -%}
    where (account_id, id) not in (
        select (known.account_id, known.event_id) from {{ this }} as known
    )
    {%- endif %}
    group by account_id, id
),

parsed as (
    select
        landed.account_id,
        landed.id,
        landed._dlt_load_id as load_id,
        landed.object,
        from_json(
            landed.object,
            '{
                "type": "VARCHAR", "created": "BIGINT", "api_version": "VARCHAR",
                "data": {"object": {"id": "VARCHAR", "object": "VARCHAR", "created": "BIGINT"}}
            }'
        ) as e
    from landed
    inner join first_read
        on landed.landed_row = first_read.reading.landed_row
),

-- Whole are kept the events that are history: of subscriptions, of discounts, and of payments
-- that failed before a charge existed. Of the others it is enough to know what happened to
-- which object.
final as (
    select
        account_id,
        id as event_id,
        load_id,
        e.type as event_type,
        {{ utc('e.created') }} as created_at,
        e.api_version,
        e.data.object.object as object_type,
        e.data.object.id as object_id,
        {{ utc('e.data.object.created') }} as object_created_at,
        case
            when
                starts_with(e.type, 'customer.subscription.')
                or starts_with(e.type, 'customer.discount.')
                or e.type = 'payment_intent.payment_failed'
                then object -> '$.data.object'
        end as payload,
        case
            when starts_with(e.type, 'customer.subscription.')
                then object -> '$.data.previous_attributes'
        end as previous_attributes,
        {{ this_build() }} as staged_in
    from parsed
)

select * from final
