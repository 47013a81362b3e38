with changes as (
    select * from {{ ref('int_customer_mrr_changed') }}
),

lines as (
    select * from {{ ref('fct_revenue_lines') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

worths as (
    select
        account_id,
        currency,
        customer_id,
        closing_micros as mrr_micros,
        cast(0 as decimal(18, 3)) as net_revenue
    from changes
    where next_day is null and closing_micros > 0
    union all
    select
        account_id,
        currency,
        customer_id,
        cast(0 as hugeint) as mrr_micros,
        amount as net_revenue
    from lines
    where customer_id is not null
),

summed as (
    select
        account_id,
        currency,
        customer_id,
        cast(sum(mrr_micros) as hugeint) as mrr_micros,
        cast(sum(net_revenue) as decimal(18, 3)) as net_revenue
    from worths
    group by account_id, currency, customer_id
),

ranked as (
    select
        *,
        cast(sum(mrr_micros) over (partition by account_id, currency) as hugeint)
            as total_micros,
        case
            when mrr_micros > 0
                then row_number() over (
                    partition by account_id, currency
                    order by mrr_micros desc, customer_id
                )
        end as mrr_rank,
        case
            when net_revenue > 0
                then row_number() over (
                    partition by account_id, currency
                    order by net_revenue desc, customer_id
                )
        end as revenue_rank
    from summed
),

final as (
    select
        ranked.account_id,
        ranked.currency,
        ranked.customer_id,
        {{ major_of_micros('ranked.mrr_micros', 'ranked.currency') }} as mrr,
        {{ ratio('ranked.mrr_micros', 'ranked.total_micros') }} as mrr_share,
        ranked.mrr_rank,
        ranked.net_revenue,
        ranked.revenue_rank,
        {{ stripe_url('customers', 'ranked.customer_id', 'ranked.account_id', 'clock.is_live') }}
            as stripe_url
    from ranked
    inner join clock
        on ranked.account_id = clock.account_id
    where ranked.mrr_rank <= 100 or ranked.revenue_rank <= 100
)

select * from final
