with rates as (
    select * from {{ ref('stg_operator__exchange_rates') }}
),

days as (
    select * from {{ ref('int_days_measured') }}
),

-- Every currency of every day, and the day before the first: openings need its rate.
wanted as (
    select
        account_id,
        currency,
        day
    from days
    union
    select
        account_id,
        currency,
        min(day) - 1 as day
    from days
    group by account_id, currency
),

found as (
    select
        wanted.account_id,
        wanted.currency,
        wanted.day,
        arg_max(rates.rate, rates.rate_date) as rate
    from wanted
    left join rates
        on
            wanted.currency = rates.from_currency
            and rates.to_currency = '{{ policy("reporting_currency") }}'
            and wanted.day >= rates.rate_date
            and wanted.day <= rates.rate_date + {{ policy('exchange_rate_max_age_days') }}
    group by wanted.account_id, wanted.currency, wanted.day
),

rated as (
    select
        account_id,
        currency,
        day,
        case
            when currency = '{{ policy("reporting_currency") }}' then cast(1 as decimal(38, 12))
            else cast(rate as decimal(38, 12))
        end as rate
    from found
    {% if not policy('reporting_currency') -%}
    where false
    {%- endif %}
),

final as (
    select
        account_id,
        currency,
        day,
        rate,
        lag(rate) over (
            partition by account_id, currency
            order by day
        ) as rate_before
    from rated
)

select * from final
