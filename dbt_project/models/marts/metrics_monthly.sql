with days as (
    select * from {{ ref('int_days_measured') }}
),

changes as (
    select * from {{ ref('int_customer_mrr_changed') }}
),

monthly as (
    select
        account_id,
        currency,
        cast(date_trunc('month', day) as date) as month,
        min(day) as first_day,
        max(day) as last_day,
        {% for measure in [
            'mrr_gross_micros', 'mrr_micros', 'mrr_net_micros', 'estimated_mrr_micros',
            'active_subscriptions', 'trialing_subscriptions', 'active_subscribers',
            'customer_count', 'customers_churned', 'customers_exposed', 'payers_to_date',
            'collected_to_date'
        ] -%}
        arg_max({{ measure }}, day) as {{ measure }},
        {% endfor -%}
        {% for measure in [
            'mrr_new_micros', 'mrr_reactivation_micros', 'mrr_expansion_micros',
            'mrr_contraction_micros', 'mrr_churn_micros'
        ] -%}
        cast(sum({{ measure }}) as hugeint) as {{ measure }},
        {% endfor -%}
        {% for measure in [
            'new_subscriptions', 'trial_starts', 'trial_conversions', 'trials_converted',
            'trials_lost', 'churned_subscriptions', 'new_subscribers',
            'reactivated_subscribers', 'churned_subscribers', 'new_customers',
            'transaction_count', 'failed_payments', 'succeeded_payments', 'lost_payments',
            'pending_payments', 'failed_payments_unrecovered', 'recovered_payments',
            'recovery_seconds'
        ] -%}
        cast(sum({{ measure }}) as bigint) as {{ measure }},
        {% endfor -%}
        {% for measure in [
            'failed_amount', 'recovered_amount', 'gross_revenue', 'refunds', 'disputes',
            'invoiced_revenue'
        ] -%}
        cast(sum({{ measure }}) as decimal(18, 3)) as {{ measure }},
        {% endfor -%}
        arg_min(
            active_subscribers - new_subscribers - reactivated_subscribers + churned_subscribers,
            day
        ) as subscribers_at_start
    from days
    group by account_id, currency, date_trunc('month', day)
),

customers_before as (
    select
        *,
        lag(customer_count) over (
            partition by account_id, currency
            order by month
        ) as customer_count_before
    from monthly
),

-- Of the month that the window cuts, only the days within it: its start is the first of them.
churned as (
    select
        changes.account_id,
        changes.currency,
        monthly.month,
        count(distinct changes.customer_id) as customers_lost
    from changes
    inner join monthly
        on
            changes.account_id = monthly.account_id
            and changes.currency = monthly.currency
            and cast(date_trunc('month', changes.day) as date) = monthly.month
            and changes.day >= monthly.first_day
    where changes.movement = 'churn'
    group by changes.account_id, changes.currency, monthly.month
),

-- What each customer paid on the eve of the month and at its end. Two joins and a sum: one join
-- to both ends would compare ranges without the help of keys.
ends as (
    select
        monthly.account_id,
        monthly.currency,
        monthly.month,
        changes.customer_id,
        changes.closing_micros as opening_micros,
        cast(0 as hugeint) as closing_micros
    from monthly
    inner join changes
        on
            monthly.account_id = changes.account_id
            and monthly.currency = changes.currency
            and monthly.first_day > changes.day
            and (changes.next_day is null or monthly.first_day <= changes.next_day)
    where changes.closing_micros > 0
    union all
    select
        monthly.account_id,
        monthly.currency,
        monthly.month,
        changes.customer_id,
        cast(0 as hugeint) as opening_micros,
        changes.closing_micros
    from monthly
    inner join changes
        on
            monthly.account_id = changes.account_id
            and monthly.currency = changes.currency
            and monthly.last_day >= changes.day
            and (changes.next_day is null or monthly.last_day < changes.next_day)
    where changes.closing_micros > 0
),

customer_months as (
    select
        account_id,
        currency,
        month,
        customer_id,
        sum(opening_micros) as opening_micros,
        sum(closing_micros) as closing_micros
    from ends
    group by account_id, currency, month, customer_id
),

cohorts as (
    select
        account_id,
        currency,
        month,
        cast(sum(opening_micros) as hugeint) as opening_micros,
        cast(sum(least(closing_micros, opening_micros)) as hugeint) as kept_micros,
        cast(sum(closing_micros) filter (where opening_micros > 0) as hugeint) as grown_micros
    from customer_months
    group by account_id, currency, month
),

joined as (
    select
        customers_before.*,
        coalesce(churned.customers_lost, 0) as customers_lost,
        coalesce(cohorts.opening_micros, 0) as opening_micros,
        coalesce(cohorts.kept_micros, 0) as kept_micros,
        coalesce(cohorts.grown_micros, 0) as grown_micros
    from customers_before
    left join churned
        on
            customers_before.account_id = churned.account_id
            and customers_before.currency = churned.currency
            and customers_before.month = churned.month
    left join cohorts
        on
            customers_before.account_id = cohorts.account_id
            and customers_before.currency = cohorts.currency
            and customers_before.month = cohorts.month
),

final as (
    select
        account_id,
        currency,
        month,
        first_day,
        last_day,
        {{ mrr_columns('opening_micros') }},
        {{ count_columns() }},
        {{ ratio('customers_lost', 'subscribers_at_start') }} as customer_churn_rate,
        {{ ratio('customers_churned', 'customers_exposed') }} as customer_churn_rate_30d,
        -- The opening of a month that the window cuts is not known.
        {{ mrr_rate_columns(
            '_micros', 'opening_micros', 'kept_micros', 'grown_micros', 'first_day = month'
        ) }},
        {{ quick_ratio('_micros') }} as quick_ratio,
        {{ customer_columns('customer_count_before') }},
        {{ payment_columns() }}
    from joined
)

select * from final
