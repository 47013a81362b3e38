{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with events as (
    select *
    from {{ ref('stg_stripe__events') }}
    where
        starts_with(event_type, 'customer.subscription.')
        and object_type = 'subscription'
        {% if is_incremental() -%}
        and load_id not in (
            select taken.load_id
            from staging.processed_loads as taken
            where taken.model = '{{ this.name }}'
        )
        {%- endif %}
),

-- `previous_attributes` laid over the payload is the subscription as it was before the event.
-- Arrays come whole in it and a null in it reads as absent, as in JSON merge patch. The event
-- of a deletion has none: before it the subscription was all that, but had not ended.
readings as (
    select
        account_id,
        event_id,
        event_type,
        created_at as occurred_at,
        object_id as subscription_id,
        'after' as moment,
        payload
    from events
    union all
    select
        account_id,
        event_id,
        event_type,
        created_at as occurred_at,
        object_id as subscription_id,
        'before' as moment,
        json_merge_patch(payload, coalesce(previous_attributes, '{}')) as payload
    from events
    where event_type != 'customer.subscription.created'
),

parsed as (
    select
        * exclude (payload),
        from_json(
            payload,
            '{{ subscription_structure() }}'
        ) as s
    from readings
),

final as (
    select
        account_id,
        event_id,
        event_type,
        occurred_at,
        subscription_id,
        moment,
        {{ subscription_columns() }},
        list_transform(coalesce(s.items.data, []), lambda item: item.price) as prices
    from parsed
)

select * from final
