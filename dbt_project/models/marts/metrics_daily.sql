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
        {{ major_of_micros('mrr_gross_micros', 'currency') }} as mrr_gross,
        {{ major_of_micros('mrr_micros', 'currency') }} as mrr,
        {{ major_of_micros('mrr_net_micros', 'currency') }} as mrr_net,
        {{ major_of_micros('12 * mrr_micros', 'currency') }} as arr,
        {{ ratio('estimated_mrr_micros', 'mrr_micros') }} as estimated_mrr_share,
        {{ major_of_micros(
            '(mrr_micros - mrr_new_micros - mrr_reactivation_micros - mrr_expansion_micros'
            ~ ' - mrr_contraction_micros - mrr_churn_micros)', 'currency'
        ) }} as mrr_opening,
        {% for movement in ['new', 'reactivation', 'expansion', 'contraction', 'churn'] -%}
        {{ major_of_micros('mrr_' ~ movement ~ '_micros', 'currency') }} as mrr_{{ movement }},
        {% endfor -%}
        active_subscriptions,
        trialing_subscriptions,
        active_subscribers,
        new_subscriptions,
        trial_starts,
        churned_subscriptions,
        new_subscribers,
        reactivated_subscribers,
        churned_subscribers,
        {{ ratio('customers_churned', 'customers_exposed') }} as customer_churn_rate_30d,
        {% for name, numerator in {
            'gross_mrr_churn_rate': '(-mrr_churn_30d_micros - mrr_contraction_30d_micros)',
            'net_mrr_churn_rate': '(-mrr_churn_30d_micros - mrr_contraction_30d_micros'
            ~ ' - mrr_expansion_30d_micros - mrr_reactivation_30d_micros)',
            'grr': 'cohort_kept_micros',
            'nrr': 'cohort_closing_micros'
        }.items() -%}
        case when is_opening_known then {{ ratio(numerator, 'cohort_opening_micros') }} end
            as {{ name }},
        {% endfor -%}
        customer_count,
        new_customers,
        {{ ratio('(customer_count - customer_count_30d_ago)', 'customer_count_30d_ago') }}
            as customer_growth_rate,
        {{ arpu('mrr_micros', 'active_subscribers', 'currency') }} as arpu,
        {{ ltv(
            'mrr_micros', 'active_subscribers', 'customers_churned', 'customers_exposed',
            'currency'
        ) }} as ltv,
        {{ ratio(
            'cast(collected_to_date * 1000 as hugeint)', '(1000 * payers_to_date)', 38
        ) }} as realised_revenue_per_customer,
        {{ ratio('succeeded_payments', '(succeeded_payments + lost_payments)') }}
            as payment_success_rate,
        {{ ratio('transaction_count', '(transaction_count + failed_payments)') }}
            as attempt_success_rate,
        succeeded_payments,
        pending_payments,
        transaction_count,
        failed_payments,
        failed_amount,
        failed_payments_unrecovered,
        gross_revenue,
        refunds,
        disputes,
        cast(gross_revenue - refunds - disputes as decimal(18, 3)) as net_revenue,
        invoiced_revenue
    from opened
)

select * from final
