with disputes as (
    select * from {{ ref('stg_stripe__disputes') }}
),

charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

final as (
    select
        disputes.account_id,
        disputes.dispute_id,
        disputes.charge_id,
        charges.customer_id,
        disputes.currency,
        disputes.created_at as disputed_at,
        {{ local_day('disputes.created_at', 'clock.time_zone') }} as day,
        disputes.status,
        disputes.reason,
        {{ major('disputes.amount_minor', 'disputes.currency') }} as amount,
        {{ major(
            '-coalesce(list_sum(list_transform('
            ~ 'disputes.balance_transactions, lambda t: t.amount_minor)), 0)',
            'disputes.currency'
        ) }} as withdrawn_amount,
        {{ stripe_url('disputes', 'disputes.dispute_id', 'disputes.account_id', 'clock.is_live') }}
            as stripe_url
    from disputes
    inner join clock
        on disputes.account_id = clock.account_id
    left join charges
        on
            disputes.account_id = charges.account_id
            and disputes.charge_id = charges.charge_id
)

select * from final
