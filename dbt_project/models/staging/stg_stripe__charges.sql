{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'charge_id'],
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('charges') }}
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
                "created": "BIGINT", "livemode": "BOOLEAN", "customer": "VARCHAR", "currency": "VARCHAR",
                "status": "VARCHAR", "amount": "BIGINT", "amount_captured": "BIGINT",
                "amount_refunded": "BIGINT", "captured": "BOOLEAN", "disputed": "BOOLEAN",
                "payment_intent": "VARCHAR", "invoice": "VARCHAR", "failure_code": "VARCHAR",
                "outcome": {"type": "VARCHAR", "reason": "VARCHAR"},
                "payment_method_details": {
                    "type": "VARCHAR", "card": {"brand": "VARCHAR", "country": "VARCHAR"}
                },
                "billing_details": {"address": {"country": "VARCHAR"}}
            }'
        ) as c
    from newest
),

renamed as (
    select
        account_id,
        id as charge_id,
        read_at,
        read_order,
        deletion_seen_at,
        {{ utc('c.created') }} as created_at,
        c.livemode as is_live,
        {{ id_of('c.customer') }} as customer_id,
        lower(c.currency) as currency,
        c.status,
        c.amount as amount_minor,
        coalesce(c.amount_captured, case when c.captured then c.amount else 0 end)
            as amount_captured_minor,
        coalesce(c.captured, false) as is_captured,
        coalesce(c.disputed, false) as is_disputed,
        {{ id_of('c.payment_intent') }} as payment_intent_id,
        {{ id_of('c.invoice') }} as invoice_id,
        c.failure_code,
        c.outcome.type as outcome_type,
        c.outcome.reason as outcome_reason,
        c.payment_method_details.type as payment_method_type,
        c.payment_method_details.card.brand as card_brand,
        coalesce(c.billing_details.address.country, c.payment_method_details.card.country)
            as country
    from parsed
),

final as (
    {{ newest_of_landed_and_known('renamed', 'landed', 'charge_id') }}
)

select * from final
