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

measures as (
    select * from steps
    union all by name
    select
        account_id,
        currency,
        day,
        case when movement in ('new') then change_micros end as mrr_new_micros,
        case when movement = 'reactivation' then change_micros end as mrr_reactivation_micros,
        case when movement = 'expansion' then change_micros end as mrr_expansion_micros,
        case when movement = 'contraction' then change_micros end as mrr_contraction_micros,
        case when movement = 'churn' then change_micros end as mrr_churn_micros,
        cast(movement = 'new' as integer) as new_subscribers,
        cast(movement = 'reactivation' as integer) as reactivated_subscribers,
        cast(movement = 'churn' as integer) as churned_subscribers,
        cast(opening_micros = 0 as integer) - cast(closing_micros = 0 as integer)
            as subscribers_change
    from changes
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
