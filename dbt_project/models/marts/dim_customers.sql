with customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

mrr as (
    select * from {{ ref('int_customer_mrr_changed') }}
),

payments as (
    select * from {{ ref('fct_payments') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

first_mrr as (
    select
        account_id,
        customer_id,
        min(day) as first_mrr_day
    from mrr
    group by account_id, customer_id
),

first_payments as (
    select
        account_id,
        customer_id,
        min(succeeded_at) as first_paid_at
    from payments
    where captured_amount > 0
    group by account_id, customer_id
),

final as (
    select
        customers.account_id,
        customers.customer_id,
        -- Who was deleted at Stripe is not named here any more; the figures about them stay.
        case when customers.deletion_seen_at is null then customers.name end as name,
        case when customers.deletion_seen_at is null then customers.email end as email,
        customers.country,
        customers.currency,
        customers.created_at,
        customers.is_delinquent,
        customers.deletion_seen_at is not null as is_deleted,
        first_mrr.first_mrr_day,
        first_payments.first_paid_at,
        {{ stripe_url(
            'customers', 'customers.customer_id', 'customers.account_id', 'clock.is_live'
        ) }} as stripe_url
    from customers
    inner join clock
        on customers.account_id = clock.account_id
    left join first_mrr
        on
            customers.account_id = first_mrr.account_id
            and customers.customer_id = first_mrr.customer_id
    left join first_payments
        on
            customers.account_id = first_payments.account_id
            and customers.customer_id = first_payments.customer_id
)

select * from final
