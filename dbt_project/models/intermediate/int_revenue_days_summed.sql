with attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

payments as (
    select * from {{ ref('fct_payments') }}
),

refunds as (
    select * from {{ ref('fct_refunds') }}
),

dispute_transactions as (
    select * from {{ ref('stg_stripe__dispute_balance_transactions') }}
),

invoices as (
    select * from {{ ref('fct_invoices') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

paid as (
    select
        account_id,
        customer_id,
        currency,
        day
    from attempts
    where captured_amount > 0
    union all
    select
        account_id,
        customer_id,
        currency,
        paid_off_stripe_day as day
    from invoices
    where paid_off_stripe_day is not null
),

first_paid as (
    select
        account_id,
        customer_id,
        currency,
        min(day) as day
    from paid
    where customer_id is not null
    group by account_id, customer_id, currency
),

flows as (
    select
        account_id,
        currency,
        day,
        count(*) filter (where outcome = 'succeeded') as transaction_count,
        count(*) filter (where outcome = 'failed') as failed_payments,
        sum(amount) filter (where outcome = 'failed') as failed_amount,
        sum(captured_amount) as gross_revenue
    from attempts
    group by account_id, currency, day
    union all by name
    select
        account_id,
        currency,
        day,
        count(*) filter (where outcome = 'succeeded') as succeeded_payments,
        count(*) filter (where outcome = 'failed') as lost_payments,
        count(*) filter (where outcome = 'pending') as pending_payments,
        count(*) filter (where failed_attempts > 0 and outcome in ('failed', 'pending'))
            as failed_payments_unrecovered,
        count(*) filter (where is_recovered) as recovered_payments,
        sum(recovered_amount) as recovered_amount,
        sum(date_diff('second', first_failed_at, recovered_at)) as recovery_seconds
    from payments
    group by account_id, currency, day
    union all by name
    select
        account_id,
        currency,
        day,
        sum(counted_amount) as refunds
    from refunds
    group by account_id, currency, day
    union all by name
    select
        dispute_transactions.account_id,
        dispute_transactions.currency,
        {{ local_day('dispute_transactions.created_at', 'clock.time_zone') }} as day,
        -{{ major('dispute_transactions.amount_minor', 'dispute_transactions.currency') }}
            as disputes
    from dispute_transactions
    inner join clock
        on dispute_transactions.account_id = clock.account_id
    union all by name
    select
        account_id,
        currency,
        revenue_day as day,
        sum(total_excluding_tax) as invoiced_revenue
    from invoices
    where revenue_day is not null
    group by account_id, currency, revenue_day
    union all by name
    select
        account_id,
        currency,
        paid_off_stripe_day as day,
        sum(amount_paid_off_stripe) as paid_off_stripe
    from invoices
    where paid_off_stripe_day is not null
    group by account_id, currency, paid_off_stripe_day
    union all by name
    select
        account_id,
        currency,
        day,
        count(*) as new_payers
    from first_paid
    group by account_id, currency, day
),

final as (
    select
        account_id,
        currency,
        day,
        {% for measure in [
            'transaction_count', 'failed_payments', 'succeeded_payments', 'lost_payments',
            'pending_payments', 'failed_payments_unrecovered', 'recovered_payments',
            'recovery_seconds', 'new_payers'
        ] -%}
        cast(coalesce(sum({{ measure }}), 0) as bigint) as {{ measure }},
        {% endfor -%}
        {% for measure in [
            'failed_amount', 'recovered_amount', 'gross_revenue', 'refunds', 'disputes',
            'invoiced_revenue', 'paid_off_stripe'
        ] -%}
        cast(coalesce(sum({{ measure }}), 0) as decimal(18, 3))
            as {{ measure }}{{ "," if not loop.last }}
        {% endfor %}
    from flows
    group by account_id, currency, day
)

select * from final
