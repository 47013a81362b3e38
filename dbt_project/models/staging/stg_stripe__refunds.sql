{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'refund_id'],
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('refunds') }}
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
                "created": "BIGINT", "charge": "VARCHAR", "payment_intent": "VARCHAR",
                "currency": "VARCHAR", "status": "VARCHAR", "amount": "BIGINT", "reason": "VARCHAR"
            }'
        ) as r
    from newest
),

renamed as (
    select
        account_id,
        id as refund_id,
        read_at,
        read_order,
        deletion_seen_at,
        {{ utc('r.created') }} as created_at,
        {{ id_of('r.charge') }} as charge_id,
        {{ id_of('r.payment_intent') }} as payment_intent_id,
        lower(r.currency) as currency,
        coalesce(r.status, 'succeeded') as status,
        r.amount as amount_minor,
        r.reason
    from parsed
),

final as (
    {{ newest_of_landed_and_known('renamed', 'landed', 'refund_id') }}
)

select * from final
