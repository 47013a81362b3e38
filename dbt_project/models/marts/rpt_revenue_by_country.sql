with lines as (
    select * from {{ ref('fct_revenue_lines') }}
),

final as (
    select
        account_id,
        currency,
        cast(date_trunc('month', day) as date) as month,
        country,
        {{ revenue_columns() }}
    from lines
    group by
        account_id,
        currency,
        date_trunc('month', day),
        country
)

select * from final
