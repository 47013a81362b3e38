with spans as (
    select * from {{ ref('int_subscription_item_spans_merged') }}
),

changes as (
    select * from {{ ref('int_customer_mrr_changed') }}
),

months as (
    select * from {{ ref('int_customer_months_watched') }}
),

subscriptions as (
    select * from {{ ref('int_subscription_days_counted') }}
),

trials as (
    select * from {{ ref('fct_trials') }}
),

-- Steps of the states: a span adds its value on its first day and takes it back on the day
-- after its last.
steps as (
    select
        account_id,
        currency,
        first_day as day,
        mrr_gross_micros,
        mrr_micros,
        mrr_net_micros,
        case when is_estimated then mrr_micros else 0 end as estimated_mrr_micros
    from spans
    where mrr_gross_micros != 0
    union all
    select
        account_id,
        currency,
        day_after_last as day,
        -mrr_gross_micros as mrr_gross_micros,
        -mrr_micros as mrr_micros,
        -mrr_net_micros as mrr_net_micros,
        case when is_estimated then -mrr_micros else 0 end as estimated_mrr_micros
    from spans
    where day_after_last is not null and mrr_gross_micros != 0
),

-- Each source is summed to days before they come together: side by side, every row of each would
-- have the columns of all.
measures as (
    select
        account_id,
        currency,
        day,
        sum(mrr_gross_micros) as mrr_gross_micros,
        sum(mrr_micros) as mrr_micros,
        sum(mrr_net_micros) as mrr_net_micros,
        sum(estimated_mrr_micros) as estimated_mrr_micros
    from steps
    group by account_id, currency, day
    union all by name
    select
        account_id,
        currency,
        day,
        {% for movement in mrr_movements() -%}
        sum(change_micros) filter (where movement = '{{ movement }}')
            as mrr_{{ movement }}_micros,
        {% endfor -%}
        count(*) filter (where movement = 'new') as new_subscribers,
        count(*) filter (where movement = 'reactivation') as reactivated_subscribers,
        count(*) filter (where movement = 'churn') as churned_subscribers,
        count(*) filter (where opening_micros = 0) - count(*) filter (where closing_micros = 0)
            as subscribers_change
    from changes
    group by account_id, currency, day
    union all by name
    select * from months
    union all by name
    select * from subscriptions
    union all by name
    select
        account_id,
        currency,
        started_day as day,
        cast(outcome = 'converted' as integer) as trials_converted,
        cast(outcome = 'lost' as integer) as trials_lost
    from trials
    union all by name
    select
        account_id,
        currency,
        converted_day as day,
        1 as trial_conversions
    from trials
    where converted_day is not null
),

final as (
    select
        account_id,
        currency,
        day,
        {% for measure in [
            'mrr_gross_micros', 'mrr_micros', 'mrr_net_micros', 'estimated_mrr_micros',
            'mrr_new_micros', 'mrr_reactivation_micros', 'mrr_expansion_micros',
            'mrr_contraction_micros', 'mrr_churn_micros', 'cohort_opening_micros',
            'cohort_kept_micros', 'cohort_closing_micros'
        ] -%}
        cast(coalesce(sum({{ measure }}), 0) as hugeint) as {{ measure }},
        {% endfor -%}
        {% for measure in [
            'new_subscribers', 'reactivated_subscribers', 'churned_subscribers',
            'subscribers_change', 'customers_exposed', 'customers_churned', 'active_change',
            'trialing_change', 'new_subscriptions', 'trial_starts', 'churned_subscriptions',
            'trial_conversions', 'trials_converted', 'trials_lost'
        ] -%}
        cast(coalesce(sum({{ measure }}), 0) as bigint) as {{ measure }}{{ "," if not loop.last }}
        {% endfor %}
    from measures
    group by account_id, currency, day
)

select * from final
