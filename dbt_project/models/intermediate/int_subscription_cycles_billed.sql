{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'follows_touched': true},
    pre_hook="{{ forget_touched() }}",
    post_hook="{{ remember_code() }}"
) }}

with invoices as (
    {{ touched_of(ref('stg_stripe__invoices')) }}
    {{ where_told_by('invoice_line') }}
),

final as (
    select
        account_id,
        subscription_id,
        invoice_id,
        status,
        attempt_count,
        created_at,
        finalized_at,
        voided_at,
        marked_uncollectible_at,
        list_min(list_transform(
            list_filter(lines, lambda l: not l.is_proration and not l.is_credit),
            lambda l: l.period_starts_at
        )) as period_starts_at
    from invoices
    where billing_reason = 'subscription_cycle' and subscription_id is not null
)

select * from final
