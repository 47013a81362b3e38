{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_kept': true},
    pre_hook="{{ forget_listed('payment_id', ref('int_payments_touched')) }}",
    post_hook="{{ remember_fact(ref('int_payments_touched')) }}"
) }}
{%- set touched = ref('int_payments_touched') %}

with attempts as (
    {{ listed_of(ref('fct_payment_attempts'), 'payment_id', touched) }}
),

invoices as (
    {{ listed_of(ref('stg_stripe__invoices'), 'invoice_id', touched, 'payment_id') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

grouped as (
    select
        account_id,
        payment_id,
        currency,
        any_value(invoice_id) as invoice_id,
        arg_min(customer_id, (attempted_at, attempt_id)) as customer_id,
        min(attempted_at) as first_attempted_at,
        min(day) as day,
        max(attempted_at) as last_attempted_at,
        min(attempted_at) filter (where outcome = 'succeeded') as succeeded_at,
        min(attempted_at) filter (where outcome = 'failed') as failed_at,
        count(*) as attempts,
        count(*) filter (where outcome = 'failed') as failed_attempts,
        bool_or(outcome = 'succeeded') as is_succeeded,
        bool_or(outcome = 'pending') as is_pending,
        arg_max(amount, (attempted_at, attempt_id)) as amount,
        sum(captured_amount) as captured_amount
    from attempts
    group by account_id, payment_id, currency
),

decided as (
    select
        grouped.*,
        case
            when grouped.is_succeeded then 'succeeded'
            when invoices.status = 'paid' and invoices.amount_paid_off_stripe_minor > 0
                then 'paid_off_stripe'
            when grouped.is_pending then 'pending'
            else 'failed'
        end as outcome,
        -- A failure after a success needs no recovery.
        case
            when coalesce(grouped.failed_at <= grouped.succeeded_at, true) then grouped.failed_at
        end as first_failed_at,
        invoices.paid_at,
        {{ major('invoices.amount_paid_off_stripe_minor', 'invoices.currency') }}
            as amount_paid_off_stripe
    from grouped
    left join invoices
        on
            grouped.account_id = invoices.account_id
            and grouped.invoice_id = invoices.invoice_id
),

recovered as (
    select
        *,
        case
            when first_failed_at is null then null
            when outcome = 'succeeded' then succeeded_at
            when outcome = 'paid_off_stripe' then paid_at
        end as recovered_at
    from decided
),

final as (
    select
        recovered.account_id,
        recovered.payment_id,
        recovered.currency,
        recovered.invoice_id,
        recovered.customer_id,
        recovered.first_attempted_at,
        recovered.day,
        recovered.last_attempted_at,
        recovered.succeeded_at,
        recovered.attempts,
        recovered.failed_attempts,
        recovered.outcome,
        recovered.first_failed_at,
        recovered.recovered_at,
        recovered.recovered_at is not null as is_recovered,
        recovered.amount,
        cast(recovered.captured_amount as decimal(18, 3)) as captured_amount,
        cast(case
            when recovered.recovered_at is null then 0
            when recovered.outcome = 'succeeded' then recovered.captured_amount
            else recovered.amount_paid_off_stripe
        end as decimal(18, 3)) as recovered_amount,
        case
            when recovered.invoice_id is not null
                then {{ stripe_url(
                    'invoices', 'recovered.invoice_id', 'recovered.account_id', 'clock.is_live'
                ) }}
            else
                {{ stripe_url(
                    'payments', 'recovered.payment_id', 'recovered.account_id', 'clock.is_live'
                ) }}
        end as stripe_url
    from recovered
    inner join clock
        on recovered.account_id = clock.account_id
)

select * from final
