{{ config(
    post_hook="{{ remember_listing(['int_attempts_touched', 'fct_payment_attempts']) }}"
) }}
{%- set since = done_until(['fct_payments']) %}
{%- set payments = kept_relation('marts', 'fct_payments') %}

with touched as (
    select * from {{ ref('int_attempts_touched') }}
),

attempts as (
    select * from {{ ref('fct_payment_attempts') }}
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

-- The payments that an attempt left when it was computed again.
departures as (
    select * from intermediate.payments_left
),

moved as (
    {{ moved_accounts(['fct_payments']) }}
),

final as (
    select
        attempts.account_id,
        attempts.payment_id
    from attempts
    inner join touched
        on
            attempts.account_id = touched.account_id
            and attempts.attempt_id = touched.attempt_id
    union
    select
        account_id,
        payment_id
    from departures
    where build > {{ since }}
    union
    select
        account_id,
        invoice_id as payment_id
    from invoices
    where staged_in > {{ since }}
    union
    select
        account_id,
        payment_id
    from attempts
    where account_id in (select moved.account_id from moved)
    {% if payments %}
    union
    select
        payments.account_id,
        payments.payment_id
    from {{ payments }} as payments
    where payments.account_id in (select moved.account_id from moved)
    {% endif %}
)

select * from final
