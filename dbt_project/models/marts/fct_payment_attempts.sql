with charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

invoice_payments as (
    select * from {{ ref('stg_stripe__invoice_payments') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

by_charge as (
    select
        account_id,
        charge_id,
        min(invoice_id) as invoice_id
    from invoice_payments
    where charge_id is not null
    group by account_id, charge_id
),

by_payment_intent as (
    select
        account_id,
        payment_intent_id,
        min(invoice_id) as invoice_id
    from invoice_payments
    where payment_intent_id is not null
    group by account_id, payment_intent_id
),

linked as (
    select
        charges.*,
        clock.time_zone,
        coalesce(charges.invoice_id, by_charge.invoice_id, by_payment_intent.invoice_id)
            as paid_invoice_id
    from charges
    inner join clock
        on charges.account_id = clock.account_id
    left join by_charge
        on
            charges.account_id = by_charge.account_id
            and charges.charge_id = by_charge.charge_id
    left join by_payment_intent
        on
            charges.account_id = by_payment_intent.account_id
            and charges.payment_intent_id = by_payment_intent.payment_intent_id
    -- Blocked for a malformed API call: nobody tried to pay.
    where
        coalesce(charges.outcome_type, '') != 'invalid'
        -- A charge from before the window is read when a refund or a dispute names it; alone of
        -- its day, it is no history.
        and charges.created_at >= clock.history_started_at
),

final as (
    select
        account_id,
        charge_id as attempt_id,
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
        ) }} as captured_amount
    from linked
)

select * from final
