{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'is_kept': true},
    pre_hook="{{ forget_staged(ref('stg_stripe__invoices'), 'invoice_id') }}",
    post_hook="{{ remember_fact() }}"
) }}

with invoices as (
    {{ staged_since(ref('stg_stripe__invoices')) }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

final as (
    select
        invoices.account_id,
        invoices.invoice_id,
        invoices.number,
        invoices.customer_id,
        invoices.subscription_id,
        invoices.currency,
        invoices.status,
        invoices.billing_reason,
        invoices.collection_method,
        invoices.created_at,
        invoices.finalized_at,
        case
            when invoices.finalized_at is not null and invoices.status not in ('draft', 'void')
                then {{ local_day('invoices.finalized_at', 'clock.time_zone') }}
        end as revenue_day,
        invoices.paid_at,
        case
            when invoices.amount_paid_off_stripe_minor > 0 and invoices.paid_at is not null
                then {{ local_day('invoices.paid_at', 'clock.time_zone') }}
        end as paid_off_stripe_day,
        invoices.attempt_count,
        {{ major('invoices.subtotal_minor', 'invoices.currency') }} as subtotal,
        {{ major('invoices.total_minor', 'invoices.currency') }} as total,
        {{ major('invoices.total_excluding_tax_minor', 'invoices.currency') }}
            as total_excluding_tax,
        {{ major('invoices.amount_due_minor', 'invoices.currency') }} as amount_due,
        {{ major('invoices.amount_paid_minor', 'invoices.currency') }} as amount_paid,
        {{ major('invoices.amount_paid_off_stripe_minor', 'invoices.currency') }}
            as amount_paid_off_stripe,
        {{ major('invoices.amount_remaining_minor', 'invoices.currency') }} as amount_remaining,
        {{ stripe_url('invoices', 'invoices.invoice_id', 'invoices.account_id', 'clock.is_live') }}
            as stripe_url
    from invoices
    inner join clock
        on invoices.account_id = clock.account_id
    where invoices.deletion_seen_at is null
)

select * from final
