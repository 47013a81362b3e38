with lines as (
    select * from {{ ref('fct_revenue_lines') }}
),

final as (
    select
        account_id,
        currency,
        cast(date_trunc('month', day) as date) as month,
        country,
        {% for name, kind in {
            'gross_revenue': 'charge', 'refunds': 'refund', 'disputes': 'dispute'
        }.items() -%}
        cast(coalesce(sum({{ '-' if kind != 'charge' }}amount) filter (
            where kind = '{{ kind }}'
        ), 0) as decimal(18, 3)) as {{ name }},
        {% endfor -%}
        cast(sum(amount) as decimal(18, 3)) as net_revenue
    from lines
    group by
        account_id,
        currency,
        date_trunc('month', day),
        country
)

select * from final
