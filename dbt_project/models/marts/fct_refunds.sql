{{ config(post_hook="{{ remember_build() }}") }}

with refunds as (
    select * from {{ ref('stg_stripe__refunds') }}
),

charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

joined as (
    select
        refunds.*,
        clock.time_zone,
        clock.is_live,
        charges.customer_id,
        refunds.status in ('succeeded', 'pending', 'requires_action') as is_effective,
        -- What was authorised and never captured: letting go of it gives no money back.
        coalesce(charges.amount_minor - charges.amount_captured_minor, 0) as released_minor
    from refunds
    inner join clock
        on refunds.account_id = clock.account_id
    left join charges
        on
            refunds.account_id = charges.account_id
            and refunds.charge_id = charges.charge_id
),

accumulated as (
    select
        *,
        sum(case when is_effective then amount_minor else 0 end) over (
            partition by account_id, coalesce(charge_id, refund_id)
            order by created_at, refund_id
        ) as refunded_minor
    from joined
),

final as (
    select
        account_id,
        refund_id,
        charge_id,
        customer_id,
        currency,
        created_at as refunded_at,
        {{ local_day('created_at', 'time_zone') }} as day,
        status,
        reason,
        {{ major('amount_minor', 'currency') }} as amount,
        {{ major(
            'case when is_effective then'
            ~ ' greatest(0, refunded_minor - released_minor)'
            ~ ' - greatest(0, refunded_minor - amount_minor - released_minor) else 0 end',
            'currency'
        ) }} as counted_amount,
        {{ stripe_url('payments', 'charge_id') }} as stripe_url
    from accumulated
)

select * from final
