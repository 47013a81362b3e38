with days as (
    select * from {{ ref('int_days_measured') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

opened as (
    select
        days.*,
        -- What these 30 days began with lies before the imported window on its first 30 days.
        days.day - 30 >= clock.first_day as is_opening_known
    from days
    inner join clock
        on days.account_id = clock.account_id
),

final as (
    select
        account_id,
        currency,
        day,
        {{ mrr_columns(
            '(mrr_micros - mrr_new_micros - mrr_reactivation_micros - mrr_expansion_micros'
            ~ ' - mrr_contraction_micros - mrr_churn_micros)'
        ) }},
        {{ count_columns() }},
        {{ ratio('customers_churned', 'customers_exposed') }} as customer_churn_rate_30d,
        {{ mrr_rate_columns(
            '_30d_micros', 'cohort_opening_micros', 'cohort_kept_micros',
            'cohort_closing_micros', 'is_opening_known'
        ) }},
        case when is_opening_known then {{ quick_ratio('_30d_micros') }} end as quick_ratio,
        {{ customer_columns('customer_count_30d_ago') }},
        {{ payment_columns() }}
    from opened
)

select * from final
