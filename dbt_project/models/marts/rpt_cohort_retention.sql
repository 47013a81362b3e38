with changes as (
    select * from {{ ref('int_customer_mrr_changed') }}
),

clock as (
    select * from {{ ref('int_accounts_clocked') }}
),

starts as (
    select
        account_id,
        customer_id,
        currency,
        cast(date_trunc('month', day) as date) as cohort_month,
        closing_micros as first_micros
    from changes
    qualify row_number() over (
        partition by account_id, customer_id, currency
        order by day
    ) = 1
),

cohorts as (
    select
        account_id,
        currency,
        cohort_month,
        count(*) as cohort_customers,
        cast(sum(first_micros) as hugeint) as cohort_micros
    from starts
    group by account_id, currency, cohort_month
),

-- The months of the imported window, each read at its close; the running one as it stands.
months as (
    select
        account_id,
        month,
        least(cast(month + interval 1 month - interval 1 day as date), today) as last_day
    from (
        select
            account_id,
            today,
            cast(unnest(generate_series(
                date_trunc('month', first_day), today, interval 1 month
            )) as date) as month
        from clock
    )
),

kept as (
    select
        starts.account_id,
        starts.currency,
        starts.cohort_month,
        months.month,
        count(*) as retained_customers,
        cast(sum(changes.closing_micros) as hugeint) as retained_micros
    from starts
    inner join months
        on
            starts.account_id = months.account_id
            and starts.cohort_month <= months.month
    inner join changes
        on
            starts.account_id = changes.account_id
            and starts.customer_id = changes.customer_id
            and starts.currency = changes.currency
            and months.last_day >= changes.day
            and (changes.next_day is null or months.last_day < changes.next_day)
            and changes.closing_micros > 0
    group by starts.account_id, starts.currency, starts.cohort_month, months.month
),

grid as (
    select
        cohorts.*,
        months.month
    from cohorts
    inner join months
        on
            cohorts.account_id = months.account_id
            and cohorts.cohort_month <= months.month
),

final as (
    select
        grid.account_id,
        grid.currency,
        grid.cohort_month,
        grid.month,
        cast(date_diff('month', grid.cohort_month, grid.month) as bigint) as months_since_start,
        grid.cohort_customers,
        coalesce(kept.retained_customers, 0) as retained_customers,
        {{ ratio('coalesce(kept.retained_customers, 0)', 'grid.cohort_customers') }}
            as logo_retention,
        {{ major_of_micros('grid.cohort_micros', 'grid.currency') }} as cohort_mrr,
        {{ major_of_micros(
            'coalesce(kept.retained_micros, cast(0 as hugeint))', 'grid.currency'
        ) }} as retained_mrr,
        {{ ratio('coalesce(kept.retained_micros, 0)', 'grid.cohort_micros') }}
            as revenue_retention
    from grid
    left join kept
        on
            grid.account_id = kept.account_id
            and grid.currency = kept.currency
            and grid.cohort_month = kept.cohort_month
            and grid.month = kept.month
)

select * from final
