{#-
Columns that `metrics_daily` and `metrics_monthly` share, so that each formula of docs/metrics.md
is written once. The inputs are measures of one account, currency and period: micro-minor units
for MRR, counts, and decimals for revenue.
-#}

{#- MRR at the close and the roll-forward that leads to it; `opening` in micro-minor units. -#}
{% macro mrr_columns(opening) -%}
    {{ major_of_micros('mrr_gross_micros', 'currency') }} as mrr_gross,
        {{ major_of_micros('mrr_micros', 'currency') }} as mrr,
        {{ major_of_micros('mrr_net_micros', 'currency') }} as mrr_net,
        {{ major_of_micros('12 * mrr_micros', 'currency') }} as arr,
        {{ ratio('estimated_mrr_micros', 'mrr_micros') }} as estimated_mrr_share,
        {{ major_of_micros(opening, 'currency') }} as mrr_opening,
        {% for movement in mrr_movements() -%}
        {{ major_of_micros('mrr_' ~ movement ~ '_micros', 'currency') }} as mrr_{{ movement }}
        {{- "," if not loop.last }}
        {% endfor %}
{%- endmacro %}

{#- The kinds of movement of MRR in its own currency. -#}
{% macro mrr_movements() %}
    {% do return(['new', 'reactivation', 'expansion', 'contraction', 'churn']) %}
{% endmacro %}

{#- How many there are at the close, and how many came and went. -#}
{% macro count_columns() -%}
    active_subscriptions,
        trialing_subscriptions,
        active_subscribers,
        new_subscriptions,
        trial_starts,
        trial_conversions,
        {{ ratio('trials_converted', '(trials_converted + trials_lost)') }}
            as trial_conversion_rate,
        churned_subscriptions,
        new_subscribers,
        reactivated_subscribers,
        churned_subscribers
{%- endmacro %}

{#-
Rates that weigh by MRR. `flow` is the movements' suffix; `opening`, `kept` and `grown` are what
the period began with, and what its customers pay at the end, up to their opening and in all.
Where the opening lies before the imported window (`is_known` false), it is not known.
-#}
{% macro mrr_rate_columns(flow, opening, kept, grown, is_known) -%}
    {%- set won = 'mrr_expansion' ~ flow ~ ' + mrr_reactivation' ~ flow -%}
    {%- set lost = '-mrr_churn' ~ flow ~ ' - mrr_contraction' ~ flow -%}
    {% for name, numerator in {
        'gross_mrr_churn_rate': '(' ~ lost ~ ')',
        'net_mrr_churn_rate': '(' ~ lost ~ ' - (' ~ won ~ '))',
        'grr': kept,
        'nrr': grown
    }.items() -%}
        case when {{ is_known }} then {{ ratio(numerator, opening) }} end as {{ name }}
        {{- "," if not loop.last }}
        {% endfor %}
{%- endmacro %}

{#- What came in ÷ what was lost, of the movements with the suffix `flow`. -#}
{% macro quick_ratio(flow) -%}
    {{ ratio(
        '(mrr_new' ~ flow ~ ' + mrr_reactivation' ~ flow ~ ' + mrr_expansion' ~ flow ~ ')',
        '(-mrr_contraction' ~ flow ~ ' - mrr_churn' ~ flow ~ ')'
    ) }}
{%- endmacro %}

{#- Customers and what one is worth; `before` is the customer count to compare with. -#}
{% macro customer_columns(before) -%}
    customer_count,
        new_customers,
        {{ ratio('(customer_count - ' ~ before ~ ')', before) }} as customer_growth_rate,
        {{ arpu('mrr_micros', 'active_subscribers', 'currency') }} as arpu,
        {{ ltv(
            'mrr_micros', 'active_subscribers', 'customers_churned', 'customers_exposed',
            'currency'
        ) }} as ltv,
        {{ ratio(
            'cast(collected_to_date * 1000 as hugeint)', '(1000 * payers_to_date)', 38
        ) }} as realised_revenue_per_customer
{%- endmacro %}

{#- Attempts, payments and money over the period. -#}
{% macro payment_columns() -%}
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
        recovered_payments,
        recovered_amount,
        {{ ratio('recovered_payments', '(recovered_payments + failed_payments_unrecovered)') }}
            as payment_recovery_rate,
        {{ ratio('recovery_seconds', '(3600 * recovered_payments)') }} as hours_to_recovery,
        gross_revenue,
        refunds,
        disputes,
        cast(gross_revenue - refunds - disputes as decimal(18, 3)) as net_revenue,
        invoiced_revenue
{%- endmacro %}

{#- Revenue of the lines of `fct_revenue_lines` in a group, and what went out of it again. -#}
{% macro revenue_columns() -%}
    {% for name, kind in {
        'gross_revenue': 'charge', 'refunds': 'refund', 'disputes': 'dispute'
    }.items() -%}
    cast(coalesce(sum({{ '-' if kind != 'charge' }}amount) filter (
        where kind = '{{ kind }}'
    ), 0) as decimal(18, 3)) as {{ name }},
    {% endfor -%}
    cast(sum(amount) as decimal(18, 3)) as net_revenue
{%- endmacro %}
