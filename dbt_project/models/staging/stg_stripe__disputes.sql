{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'dispute_id'],
    on_schema_change='fail',
    post_hook="{{ remember_loads() }}"
) }}

with landed as not materialized (
    {{ landed('disputes') }}
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
                "currency": "VARCHAR", "status": "VARCHAR", "amount": "BIGINT", "reason": "VARCHAR",
                "balance_transactions": [{
                    "id": "VARCHAR", "amount": "BIGINT", "fee": "BIGINT", "created": "BIGINT",
                    "currency": "VARCHAR"
                }]
            }'
        ) as d
    from newest
),

renamed as (
    select
        account_id,
        id as dispute_id,
        read_at,
        read_order,
        deletion_seen_at,
        {{ utc('d.created') }} as created_at,
        {{ id_of('d.charge') }} as charge_id,
        {{ id_of('d.payment_intent') }} as payment_intent_id,
        lower(d.currency) as currency,
        d.status,
        d.amount as amount_minor,
        d.reason,
        list_transform(coalesce(d.balance_transactions, []), lambda t: {
            'balance_transaction_id': t.id,
            'amount_minor': t.amount,
            'fee_minor': t.fee,
            'currency': lower(t.currency),
            'created_at': {{ utc('t.created') }}
        }) as balance_transactions
    from parsed
),

final as (
    {{ newest_of_landed_and_known('renamed', 'landed', 'dispute_id') }}
)

select * from final
