with days as (
    select * from {{ ref('metrics_daily') }}
),

rates as (
    select * from {{ ref('int_exchange_rates_dated') }}
),

{%- set flows = [
    'gross_revenue', 'refunds', 'disputes', 'invoiced_revenue', 'failed_amount'
] %}
{%- set columns = ['mrr_gross', 'mrr', 'mrr_net', 'arr']
    + ['mrr_new', 'mrr_reactivation', 'mrr_expansion', 'mrr_contraction', 'mrr_churn'] + flows %}

rated as (
    select
        days.*,
        rates.rate,
        rates.rate_before,
        -- Currencies that a total of the day needs a rate for.
        rates.rate is null and (
            days.mrr_gross != 0
            or days.mrr_opening != 0
            {% for column in columns if column not in ('mrr_gross', 'mrr', 'mrr_net', 'arr') -%}
            or days.{{ column }} != 0
            {% endfor %}
        ) as is_missing
    from days
    inner join rates
        on
            days.account_id = rates.account_id
            and days.currency = rates.currency
            and days.day = rates.day
),

-- Exact: a decimal of 9 places times a rate of 12 has 21. A total is known only if the rate of
-- each of its parts is.
converted as (
    select
        account_id,
        day,
        string_agg(currency, ',' order by currency) filter (where is_missing) as missing_rates,
        {% for column in columns -%}
        case
            when not bool_or({{ column }} != 0 and rate is null)
                then coalesce(sum({{ column }} * rate), 0)
        end as {{ column }},
        {% endfor -%}
        case
            when not bool_or(mrr_opening != 0 and rate_before is null)
                then coalesce(sum(mrr_opening * rate_before), 0)
        end as mrr_opening,
        case
            when not bool_or(mrr_opening != 0 and (rate is null or rate_before is null))
                then coalesce(sum(mrr_opening * (rate - rate_before)), 0)
        end as mrr_fx
    from rated
    group by account_id, day
),

final as (
    select
        account_id,
        day,
        '{{ policy("reporting_currency") }}' as reporting_currency,
        missing_rates,
        {% for column in [
            'mrr_gross', 'mrr', 'mrr_net', 'arr', 'mrr_opening', 'mrr_fx', 'mrr_new',
            'mrr_reactivation', 'mrr_expansion', 'mrr_contraction', 'mrr_churn'
        ] + flows -%}
        cast({{ column }} as decimal(38, 21)) as {{ column }},
        {% endfor -%}
        cast(gross_revenue - refunds - disputes as decimal(38, 21)) as net_revenue
    from converted
)

select * from final
