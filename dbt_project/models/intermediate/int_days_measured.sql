with clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

mrr as (
    select * from {{ ref('int_mrr_days_summed') }}
),

revenue as (
    select * from {{ ref('int_revenue_days_summed') }}
),

customers as (
    select * from {{ ref('int_customer_days_counted') }}
),

subscriptions as (
    select * from {{ ref('stg_stripe__subscriptions') }}
),

charges as (
    select * from {{ ref('stg_stripe__charges') }}
),

invoices as (
    select * from {{ ref('stg_stripe__invoices') }}
),

currencies as (
    select
        account_id,
        default_currency as currency
    from clock
    union
    select
        account_id,
        currency
    from subscriptions
    union
    select
        account_id,
        currency
    from charges
    union
    select
        account_id,
        currency
    from invoices
    union
    select
        account_id,
        currency
    from revenue
),

calendar as (
    select
        clock.account_id,
        currencies.currency,
        clock.first_day,
        cast(unnest(generate_series(clock.first_day, clock.today, interval 1 day)) as date)
            as day
    from clock
    inner join currencies
        on clock.account_id = currencies.account_id
    where currencies.currency is not null
),

-- Steps before the window fall on the day before it, so that its first opening is right.
mrr_steps as (
    select
        mrr.* exclude (day),
        greatest(mrr.day, clock.first_day - 1) as day
    from mrr
    inner join clock
        on mrr.account_id = clock.account_id
    where mrr.day <= clock.today
),

{%- set mrr_states = [
    'mrr_gross_micros', 'mrr_micros', 'mrr_net_micros', 'estimated_mrr_micros',
    'cohort_opening_micros', 'cohort_kept_micros', 'cohort_closing_micros'
] %}
{%- set count_states = {
    'subscribers_change': 'active_subscribers', 'customers_exposed': 'customers_exposed',
    'customers_churned': 'customers_churned', 'active_change': 'active_subscriptions',
    'trialing_change': 'trialing_subscriptions'
} %}
{%- set mrr_flows = [
    'mrr_new_micros', 'mrr_reactivation_micros', 'mrr_expansion_micros',
    'mrr_contraction_micros', 'mrr_churn_micros'
] %}
{%- set count_flows = [
    'new_subscribers', 'reactivated_subscribers', 'churned_subscribers', 'new_subscriptions',
    'trial_starts', 'trial_conversions', 'trials_converted', 'trials_lost',
    'churned_subscriptions'
] %}

mrr_days as (
    select
        account_id,
        currency,
        day,
        {% for measure in mrr_states + mrr_flows -%}
        sum({{ measure }}) as {{ measure }},
        {% endfor -%}
        {% for measure in count_states.keys() | list + count_flows -%}
        sum({{ measure }}) as {{ measure }}{{ "," if not loop.last }}
        {% endfor %}
    from mrr_steps
    group by account_id, currency, day
),

mrr_opening as (
    select mrr_days.*
    from mrr_days
    inner join clock
        on
            mrr_days.account_id = clock.account_id
            and mrr_days.day = clock.first_day - 1
),

-- Movements of the 29 days before the window belong to its first 30-day rates.
earlier_flows as (
    select
        mrr.account_id,
        mrr.currency,
        mrr.day,
        {% for measure in mrr_flows -%}
        mrr.{{ measure }}{{ "," if not loop.last }}
        {% endfor %}
    from mrr
    inner join clock
        on
            mrr.account_id = clock.account_id
            and mrr.day < clock.first_day
            and mrr.day >= clock.first_day - 29
),

flow_days as (
    select
        calendar.account_id,
        calendar.currency,
        calendar.day,
        {% for measure in mrr_flows -%}
        coalesce(mrr_days.{{ measure }}, 0) as {{ measure }}{{ "," if not loop.last }}
        {% endfor %}
    from calendar
    left join mrr_days
        on
            calendar.account_id = mrr_days.account_id
            and calendar.currency = mrr_days.currency
            and calendar.day = mrr_days.day
    union all
    select * from earlier_flows
),

month_flows as (
    select
        account_id,
        currency,
        day,
        {% for measure in mrr_flows -%}
        cast(sum({{ measure }}) over month_before as hugeint)
            as {{ measure }}{{ "," if not loop.last }}
        {% endfor %}
    from flow_days
    window month_before as (
        partition by account_id, currency
        order by day
        range between interval 29 day preceding and current row
    )
),

customer_steps as (
    select
        customers.account_id,
        greatest(customers.day, clock.first_day - 31) as day,
        sum(customers.customers_change) as customers_change,
        sum(customers.new_customers) as new_customers
    from customers
    inner join clock
        on customers.account_id = clock.account_id
    where customers.day <= clock.today
    group by all
),

customer_calendar as (
    select
        account_id,
        cast(
            unnest(generate_series(first_day - interval 31 day, today, interval 1 day)) as date
        ) as day
    from clock
),

customer_days as (
    select
        customer_calendar.account_id,
        customer_calendar.day,
        coalesce(customer_steps.new_customers, 0) as new_customers,
        coalesce(sum(customer_steps.customers_change) over (
            partition by customer_calendar.account_id
            order by customer_calendar.day
        ), 0) as customer_count
    from customer_calendar
    left join customer_steps
        on
            customer_calendar.account_id = customer_steps.account_id
            and customer_calendar.day = customer_steps.day
),

customer_growth as (
    select
        *,
        lag(customer_count, 30) over (
            partition by account_id
            order by day
        ) as customer_count_30d_ago
    from customer_days
),

final as (
    select
        calendar.account_id,
        calendar.currency,
        calendar.day,
        {% for measure in mrr_states -%}
        cast(
            coalesce(mrr_opening.{{ measure }}, 0)
            + coalesce(sum(mrr_days.{{ measure }}) over to_date, 0) as hugeint
        ) as {{ measure }},
        {% endfor -%}
        {% for measure, name in count_states.items() -%}
        cast(
            coalesce(mrr_opening.{{ measure }}, 0)
            + coalesce(sum(mrr_days.{{ measure }}) over to_date, 0) as bigint
        ) as {{ name }},
        {% endfor -%}
        {% for measure in mrr_flows -%}
        cast(coalesce(mrr_days.{{ measure }}, 0) as hugeint) as {{ measure }},
        month_flows.{{ measure }} as {{ measure.replace('_micros', '_30d_micros') }},
        {% endfor -%}
        {% for measure in count_flows -%}
        cast(coalesce(mrr_days.{{ measure }}, 0) as bigint) as {{ measure }},
        {% endfor -%}
        cast(customer_growth.customer_count as bigint) as customer_count,
        cast(customer_growth.new_customers as bigint) as new_customers,
        cast(customer_growth.customer_count_30d_ago as bigint) as customer_count_30d_ago,
        {% for measure in [
            'transaction_count', 'failed_payments', 'succeeded_payments', 'lost_payments',
            'pending_payments', 'failed_payments_unrecovered', 'recovered_payments',
            'recovery_seconds'
        ] -%}
        coalesce(revenue.{{ measure }}, 0) as {{ measure }},
        {% endfor -%}
        {% for measure in [
            'failed_amount', 'recovered_amount', 'gross_revenue', 'refunds', 'disputes',
            'invoiced_revenue', 'paid_off_stripe'
        ] -%}
        cast(coalesce(revenue.{{ measure }}, 0) as decimal(18, 3)) as {{ measure }},
        {% endfor -%}
        cast(coalesce(sum(revenue.new_payers) over to_date, 0) as bigint) as payers_to_date,
        cast(coalesce(sum(
            revenue.gross_revenue - revenue.refunds - revenue.disputes + revenue.paid_off_stripe
        ) over to_date, 0) as decimal(18, 3)) as collected_to_date
    from calendar
    left join mrr_opening
        on
            calendar.account_id = mrr_opening.account_id
            and calendar.currency = mrr_opening.currency
    left join mrr_days
        on
            calendar.account_id = mrr_days.account_id
            and calendar.currency = mrr_days.currency
            and calendar.day = mrr_days.day
    left join month_flows
        on
            calendar.account_id = month_flows.account_id
            and calendar.currency = month_flows.currency
            and calendar.day = month_flows.day
    left join customer_growth
        on
            calendar.account_id = customer_growth.account_id
            and calendar.day = customer_growth.day
    left join revenue
        on
            calendar.account_id = revenue.account_id
            and calendar.currency = revenue.currency
            and calendar.day = revenue.day
    window to_date as (
        partition by calendar.account_id, calendar.currency
        order by calendar.day
    )
)

select * from final
