{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_kept': true},
    pre_hook="{{ forget_attempts(ref('int_attempts_touched')) }}",
    post_hook="{{ remember_fact(ref('int_attempts_touched')) }}"
) }}
{%- set touched = ref('int_attempts_touched') %}

with charges as (
    {{ listed_of(ref('stg_stripe__charges'), 'charge_id', touched, 'attempt_id') }}
),

invoice_payments as (
    select * from {{ ref('stg_stripe__invoice_payments') }}
),

events as (
    {{ listed_of(ref('stg_stripe__events'), 'object_id', touched, 'attempt_id') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

-- A PaymentIntent can fail before any charge exists; only its event tells of it.
failures as (
    select
        account_id,
        from_json(
            payload,
            '{
                "id": "VARCHAR", "created": "BIGINT", "customer": "VARCHAR",
                "currency": "VARCHAR", "amount": "BIGINT", "latest_charge": "VARCHAR",
                "last_payment_error": {"code": "VARCHAR", "charge": "VARCHAR"}
            }'
        ) as p
    from events
    where event_type = 'payment_intent.payment_failed' and payload is not null
    qualify row_number() over (partition by account_id, object_id order by created_at, event_id) = 1
),

chargeless as (
    select
        account_id,
        p.id as attempt_id,
        p.id as payment_intent_id,
        {{ id_of('p.customer') }} as customer_id,
        lower(p.currency) as currency,
        {{ utc('p.created') }} as created_at,
        p.amount as amount_minor,
        p.last_payment_error.code as failure_code
    from failures
    -- Not by `not in`: that would hold every charge in memory to ask about a few failures.
    where
        p.latest_charge is null
        and p.last_payment_error.charge is null
        and not exists (
            select charges.charge_id
            from charges
            where
                charges.account_id = failures.account_id
                and charges.payment_intent_id = failures.p.id
        )
),

tried as (
    select
        *,
        charge_id as attempt_id
    from charges
    -- Blocked for a malformed API call: nobody tried to pay.
    where coalesce(outcome_type, '') != 'invalid'
    union all by name
    select
        *,
        'failed' as status,
        0 as amount_captured_minor,
        false as is_captured,
        false as is_disputed
    from chargeless
),

by_charge as (
    select
        account_id,
        charge_id,
        min(invoice_id) as invoice_id
    from invoice_payments
    where
        charge_id is not null
        {% if is_incremental() -%}
        and (account_id, charge_id) in (
            select (charges.account_id, charges.charge_id) from charges
        )
        {%- endif %}
    group by account_id, charge_id
),

by_payment_intent as (
    select
        account_id,
        payment_intent_id,
        min(invoice_id) as invoice_id
    from invoice_payments
    where
        payment_intent_id is not null
        {% if is_incremental() -%}
        and (account_id, payment_intent_id) in (
            select (tried.account_id, tried.payment_intent_id) from tried
        )
        {%- endif %}
    group by account_id, payment_intent_id
),

linked as (
    select
        tried.*,
        clock.time_zone,
        clock.is_live,
        coalesce(tried.invoice_id, by_charge.invoice_id, by_payment_intent.invoice_id)
            as paid_invoice_id
    from tried
    inner join clock
        on tried.account_id = clock.account_id
    left join by_charge
        on
            tried.account_id = by_charge.account_id
            and tried.charge_id = by_charge.charge_id
    left join by_payment_intent
        on
            tried.account_id = by_payment_intent.account_id
            and tried.payment_intent_id = by_payment_intent.payment_intent_id
    -- A charge from before the window is read when a refund or a dispute names it; alone of its
    -- day, it is no history.
    where tried.created_at >= clock.history_started_at
),

final as (
    select
        account_id,
        attempt_id,
        coalesce(paid_invoice_id, payment_intent_id, charge_id) as payment_id,
        paid_invoice_id as invoice_id,
        payment_intent_id,
        customer_id,
        currency,
        created_at as attempted_at,
        {{ local_day('created_at', 'time_zone') }} as day,
        status as outcome,
        failure_code,
        outcome_type,
        outcome_reason,
        payment_method_type,
        card_brand,
        country,
        is_captured,
        is_disputed,
        {{ major('amount_minor', 'currency') }} as amount,
        {{ major(
            "case when status = 'succeeded' then amount_captured_minor else 0 end", 'currency'
        ) }} as captured_amount,
        {{ stripe_url('payments', 'attempt_id') }} as stripe_url
    from linked
)

select * from final
