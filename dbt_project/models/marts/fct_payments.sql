with attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

grouped as (
    select
        account_id,
        payment_id,
        currency,
        any_value(invoice_id) as invoice_id,
        arg_min(customer_id, attempted_at) as customer_id,
        min(attempted_at) as first_attempted_at,
        min(day) as day,
        max(attempted_at) as last_attempted_at,
        min(attempted_at) filter (where outcome = 'succeeded') as succeeded_at,
        count(*) as attempts,
        count(*) filter (where outcome = 'failed') as failed_attempts,
        bool_or(outcome = 'succeeded') as is_succeeded,
        bool_or(outcome = 'pending') as is_pending,
        arg_max(amount, attempted_at) as amount,
        sum(captured_amount) as captured_amount
    from attempts
    group by account_id, payment_id, currency
),

final as (
    select
        grouped.account_id,
        grouped.payment_id,
        grouped.currency,
        grouped.invoice_id,
        grouped.customer_id,
        grouped.first_attempted_at,
        grouped.day,
        grouped.last_attempted_at,
        grouped.succeeded_at,
        grouped.attempts,
        grouped.failed_attempts,
        case
            when grouped.is_succeeded then 'succeeded'
            when invoices.status = 'paid' and invoices.amount_paid_off_stripe_minor > 0
                then 'paid_off_stripe'
            when grouped.is_pending then 'pending'
            else 'failed'
        end as outcome,
        grouped.is_succeeded and grouped.failed_attempts > 0 as is_recovered,
        grouped.amount,
        cast(grouped.captured_amount as decimal(18, 3)) as captured_amount
    from grouped
    left join invoices
        on
            grouped.account_id = invoices.account_id
            and grouped.invoice_id = invoices.invoice_id
)

select * from final
